"""Where a page of a list ended, as opaque text.

    "A…" = base64url( version byte · 16 bytes of the job's UUID · 4 bytes of checksum )
    "A…" = base64url( version byte · a name in UTF-8 · 4 bytes of checksum )

The checksum is no secret. It keeps clients from making up cursors, so that the format can change
later; the version byte would distinguish the formats.
"""

from __future__ import annotations

import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final
from uuid import UUID

VERSION: Final = b"\x01"


def encode(job_id: str) -> str:
    """The cursor of the page after this job. 21 bytes need no padding in base64."""
    return _text(VERSION + UUID(job_id).bytes)


def decode(text: str) -> str:
    """The id of the last job of the previous page.

    Raises:
        ValueError: `encode` did not make this text.
    """
    job_id = str(UUID(bytes=urlsafe_b64decode(text)[1:17]))
    if encode(job_id) != text:
        raise ValueError(text)
    return job_id


def encode_name(name: str) -> str:
    """The cursor of the page after what has this name."""
    return _text(VERSION + name.encode())


def decode_name(text: str) -> str:
    """The name of the last one of the previous page.

    Raises:
        ValueError: `encode_name` did not make this text.
    """
    name = urlsafe_b64decode(text)[1:-4].decode()
    if encode_name(name) != text:
        raise ValueError(text)
    return name


def _text(content: bytes) -> str:
    return urlsafe_b64encode(content + zlib.crc32(content).to_bytes(4)).decode()

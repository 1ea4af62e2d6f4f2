"""Signs calls by the Standard Webhooks scheme, so that a receiver can verify sender, body and age.

Source: Standard Webhooks specification 1.0.0, <https://www.standardwebhooks.com>.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

PREFIX: Final = "whsec_"


def keys(secret: str) -> Sequence[bytes]:
    """The keys in a configured secret: several while keys are being rotated."""
    return [base64.b64decode(each.removeprefix(PREFIX)) for each in secret.split()]


def headers(call_id: str, body: bytes, *, at: datetime, keys: Sequence[bytes]) -> Mapping[str, str]:
    """The headers of a call, with one signature for each key; a receiver needs one of them."""
    timestamp = str(int(at.timestamp()))
    identified = {"webhook-id": call_id, "webhook-timestamp": timestamp}
    if not keys:
        return identified
    signed = f"{call_id}.{timestamp}.".encode() + body
    digests = (hmac.new(key, signed, hashlib.sha256).digest() for key in keys)
    signature = " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)
    return identified | {"webhook-signature": signature}

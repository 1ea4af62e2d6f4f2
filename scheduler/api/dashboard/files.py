"""The dashboard's files, read once and served from memory: no request's path reaches the disk."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from aiohttp import hdrs, web

_HERE: Final = Path(__file__).parent
TYPES: Final = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
}
"""The types of files that are served; other files, such as licences, are not."""
POLICY: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    # Cached, but revalidated each time: after an upgrade no browser mixes old files with new ones.
    "Cache-Control": "no-cache",
    "Vary": "Accept-Encoding",
}


@dataclass(frozen=True, slots=True)
class File:
    """A file, ready to be served."""

    content: bytes
    gzipped: bytes
    media: str
    etag: str

    def answer(self, request: web.Request) -> web.Response:
        """The file, gzipped if the client accepts that; 304 if the client has this version."""
        if any(self.etag == etag.value for etag in request.if_none_match or ()):
            return web.Response(status=304, headers={**POLICY, "ETag": f'"{self.etag}"'})
        headers = {**POLICY, "ETag": f'"{self.etag}"'}
        use_gzip = "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, "")
        if use_gzip:
            headers[hdrs.CONTENT_ENCODING] = "gzip"
        return web.Response(
            body=self.gzipped if use_gzip else self.content,
            headers=headers,
            content_type=self.media,
            charset="utf-8",
        )


@cache  # the files of an installation do not change while the node runs
def files() -> Mapping[str, File]:
    """All files, by their path below `/-/ui/`."""
    return dict(_found(_HERE / "static")) | {
        f"vendor/{name}": file for name, file in _found(_HERE / "vendor")
    }


def _found(folder: Path) -> Iterator[tuple[str, File]]:
    for path in sorted(folder.rglob("*")):
        if path.suffix in TYPES:
            content = path.read_bytes()
            gzipped = gzip.compress(content, mtime=0)
            etag = sha256(content).hexdigest()[:16]
            yield (
                path.relative_to(folder).as_posix(),
                File(content, gzipped, TYPES[path.suffix], etag),
            )

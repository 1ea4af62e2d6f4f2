"""A stream over HTTP, line by line."""

from __future__ import annotations

from collections.abc import Iterator


class Lines:
    """Cuts what comes in pieces into lines."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, piece: bytes) -> Iterator[str]:
        """The lines that this piece completes."""
        *whole, self._rest = (self._rest + piece).split(b"\n")
        return (line.decode(errors="replace") for line in whole)

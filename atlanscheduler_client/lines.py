"""Cuts an HTTP stream into lines."""

from __future__ import annotations

from collections.abc import Iterator


class LineSplitter:
    """Cuts bytes that arrive in pieces into lines of text."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, piece: bytes) -> Iterator[str]:
        """The lines that this piece completes."""
        *whole, self._rest = (self._rest + piece).split(b"\n")
        return (line.decode(errors="replace") for line in whole)

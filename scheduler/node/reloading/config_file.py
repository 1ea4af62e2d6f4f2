"""The configuration file, which is read only at the start: whether it has changed since."""

from __future__ import annotations

from pathlib import Path


class ConfigFile:
    """The file as it was when this was made."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._text = self._read()

    @property
    def changed(self) -> bool:
        """Whether it is another one now."""
        return self._read() != self._text

    def _read(self) -> bytes | None:
        try:
            return self.path.read_bytes()
        except OSError:
            return None

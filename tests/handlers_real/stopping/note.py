"""How a handler tells the test by what exception it was left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BEGAN = "began"


@contextmanager
def noted(path: str) -> Iterator[None]:
    """Write into a file that the block began, and later the name of the exception that ended it."""
    note = Path(path)
    note.write_text(BEGAN)
    try:
        yield
    except BaseException as error:
        note.write_text(type(error).__name__)
        raise

"""Log lines: lost ones are the lesser evil."""

from __future__ import annotations

import io
import os
from typing import cast

import pytest

from scheduler.logs import Lossy


@pytest.mark.parametrize("place", ["a full disk", "a closed pipe"])
def test_a_line_that_cannot_be_written_is_dropped_and_harms_nothing(place: str) -> None:
    """The log is often on the disk that is full, and whoever read it may have gone."""
    if place == "a full disk":
        file = os.open("/dev/full", os.O_WRONLY)
    else:
        reader, file = os.pipe()
        os.close(reader)
    unbuffered = cast("io.BufferedWriter", io.FileIO(file, "w"))
    with io.TextIOWrapper(unbuffered, write_through=True) as broken:
        with pytest.raises(OSError, match=r"No space|Broken pipe"):
            broken.write("a line\n")

        lossy = Lossy(broken)
        lossy.write("a line\n")
        lossy.flush()

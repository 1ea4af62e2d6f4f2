"""Files that are made to do harm, or just odd: the shipped handlers stay small, and end."""

from __future__ import annotations

import os
import struct
import zipfile
from itertools import pairwise
from pathlib import Path

import pytest

from tests.unit.handlers.shipped import ORDER, Handlers, Job, rows, tables

MIB = 1024 * 1024
ZIPPED = ORDER | {"file": "f.zip"}


def test_each_shipped_handler_has_a_time_limit_and_a_memory_limit(handlers: Handlers) -> None:
    """Whoever may submit jobs chooses what they work on."""
    for each in handlers.values():
        assert each.options.timeout_s is not None
        assert each.options.memory_bytes is not None


def zipped(below: Path, text: bytes) -> None:
    with zipfile.ZipFile(below / "f.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("f.csv", text)


class TestImport:
    """`import_csv`."""

    def test_large_rows_are_imported_a_few_at_a_time(self, handlers: Handlers, below: Path) -> None:
        """Five thousand rows of a quarter of a mebibyte each are more than a gibibyte."""
        row = ",".join(["x" * 200] * 1000) + "\n"
        (below / "f.csv").write_text(",".join(f"c{n}" for n in range(1000)) + "\n" + row * 60)
        job = Job(handlers["import_csv"])
        assert job.run(ORDER)["rows"] == 60
        done = [0, *(said["done"] for said in job.said)]
        steps = [after - before for before, after in pairwise(done)]
        assert max(steps) <= 4 * MIB + len(row)
        assert len(steps) == 3

    def test_a_row_of_many_lines_has_a_bound(self, handlers: Handlers, below: Path) -> None:
        """A thousand fields of 128 KiB each are within the bounds of a line and of a field."""
        field = '"' + "\n".join(["x" * 100] * 1200) + '"'
        header = ",".join(f"c{n}" for n in range(100)) + "\n"
        (below / "f.csv").write_text(header + ",".join([field] * 100) + "\n")
        with pytest.raises(ValueError, match=r"^f\.csv, line \d+: a row of more than 1048576 byte"):
            Job(handlers["import_csv"]).run(ORDER)
        assert tables(below / "f.db") == []

    def test_rows_of_many_lines_below_the_bound_are_imported(
        self, handlers: Handlers, below: Path
    ) -> None:
        """The bound is for each row anew."""
        field = '"' + "\n".join(["x" * 100] * 1200) + '"'
        (below / "f.csv").write_text("a,b\n" + f"{field},{field}\n" * 10)
        assert Job(handlers["import_csv"]).run(ORDER)["rows"] == 10

    def test_a_small_archive_of_a_huge_file_is_refused_before_it_is_read(
        self, handlers: Handlers, below: Path
    ) -> None:
        """A mebibyte of zip unpacks to a gibibyte."""
        zipped(below, b"a\n" + b"1" * 64 + b"\n" * (80 * MIB))
        packed = (below / "f.zip").stat().st_size
        job = Job(handlers["import_csv"])
        with pytest.raises(ValueError, match=rf"^f\.zip: unpacks from {packed} to {80 * MIB + 66}"):
            job.run(ZIPPED)
        assert job.said == []

    def test_a_size_that_the_archive_states_wrongly_is_where_reading_ends(
        self, handlers: Handlers, below: Path
    ) -> None:
        """The bound on what is unpacked goes by that size."""
        text = b"a\n" + b"1\n" * MIB
        zipped(below, text)
        stated, false = struct.pack("<L", len(text)), struct.pack("<L", 1000)
        forged = (below / "f.zip").read_bytes().replace(stated, false)
        (below / "f.zip").write_bytes(forged)
        with pytest.raises(ValueError, match="line"):
            Job(handlers["import_csv"]).run(ZIPPED)
        assert tables(below / "f.db") == []

    def test_a_table_that_repeats_itself_may_be_packed_well(
        self, handlers: Handlers, below: Path
    ) -> None:
        """Up to some size an archive may unpack to any multiple of its own."""
        zipped(below, b"a\n" + b"1\n" * 200_000)
        assert Job(handlers["import_csv"]).run(ZIPPED)["rows"] == 200_000

    def test_blank_lines_have_a_bound_and_show_progress(
        self, handlers: Handlers, below: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """They are skipped, so nothing else would end a file of a thousand million of them."""
        names = handlers["import_csv"].function.function.__globals__
        monkeypatch.setitem(names, "BATCH_BYTES", 100_000)
        (below / "f.csv").write_bytes(b"a\n1\n" + b"\n" * 900_000 + b"2\n")
        job = Job(handlers["import_csv"])
        assert job.run(ORDER)["rows"] == 2
        assert len(job.said) == 10
        assert [row[0] for row in rows(below / "f.db")] == ["1", "2"]
        (below / "f.csv").write_bytes(b"a\n1\n" + b"\n" * 1_000_001)
        with pytest.raises(ValueError, match=r"line 1000003: more than 1000000 blank lines"):
            Job(handlers["import_csv"], id="2").run(ORDER)


class TestChecksum:
    """`checksum`."""

    def refusal(self, handlers: Handlers, *paths: str) -> str:
        with pytest.raises(ValueError, match="more than") as caught:
            Job(handlers["checksum"]).run({"paths": paths})
        return str(caught.value)

    def test_links_that_name_one_folder_in_countless_ways_end_it(
        self, handlers: Handlers, below: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each folder has two links to the next one: there are a million million paths."""
        names = handlers["checksum"].function.function.__globals__["files_below"].__globals__
        assert names["FOLDERS_MAX"] == 10_000
        monkeypatch.setitem(names, "FOLDERS_MAX", 100)
        for number in range(41):
            (below / str(number)).mkdir()
        for number in range(40):
            for name in ("a", "b"):
                (below / str(number) / name).symlink_to(below / str(number + 1))
        assert "more than 100 folders" in self.refusal(handlers, "0")

    def test_folders_have_a_bound_in_each_other(self, handlers: Handlers, below: Path) -> None:
        """Python's own limit would come with a traceback of a thousand lines."""
        deep = "/".join(["d"] * 101)
        (below / deep).mkdir(parents=True)
        assert "100 in each other" in self.refusal(handlers, "d")
        assert Job(handlers["checksum"]).run({"paths": ["d/d"]}) == {}

    def test_entries_of_a_folder_have_a_bound(
        self, handlers: Handlers, below: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Their names are sorted, and so all in memory."""
        names = handlers["checksum"].function.function.__globals__["files_below"].__globals__
        monkeypatch.setitem(names, "ENTRIES_MAX", 3)
        (below / "folder").mkdir()
        for name in "abc":
            (below / "folder" / name).touch()
        assert len(Job(handlers["checksum"]).run({"paths": ["folder"]})) == 3
        (below / "folder" / "d").touch()
        assert "more than 3 entries" in self.refusal(handlers, "folder")

    def test_a_result_that_would_be_too_large_is_refused_before_the_work(
        self, handlers: Handlers, below: Path
    ) -> None:
        """Hours of reading would end in a result that is not stored."""
        folder = "/".join(["x" * 200] * 4)
        (below / folder).mkdir(parents=True)
        for number in range(700):
            (below / folder / str(number)).touch()
        assert "paths of more than 500000 bytes" in self.refusal(handlers, "x" * 200)

    def test_a_path_that_is_no_text_is_refused(self, handlers: Handlers) -> None:
        """As everywhere else: with what came."""
        with pytest.raises(ValueError, match="a path must be a text"):
            Job(handlers["checksum"]).run({"paths": [5]})

    def test_a_name_that_is_no_utf8_is_read_or_told(self, handlers: Handlers, below: Path) -> None:
        """Linux allows any bytes in a name; a result has text."""
        os.close(os.open(os.fsencode(below) + b"/\xff", os.O_CREAT | os.O_WRONLY))
        with pytest.raises(ValueError, match="not UTF-8"):
            Job(handlers["checksum"]).run({"paths": ["."]})

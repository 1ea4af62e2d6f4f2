"""The import of CSV files: what is imported, what is refused, and that it is undone exactly."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from scheduler import JobAborted
from tests.unit.handlers.shipped import FOLDER, ORDER, Handlers, Job, rows, tables


class TestImport:
    """A CSV file into a table."""

    def test_a_file_becomes_a_table_of_texts(self, handlers: Handlers, below: Path) -> None:
        """As text, so that 007 stays 007; quotes, commas and line ends in fields are kept."""
        (below / "f.csv").write_bytes(
            b'\xef\xbb\xbfcode,"na""me"\r\n007,"a, ""b"""\r\n\r\n1e5,"two\nlines"\r\n\xc3\xa4,\r\n'
        )
        job = Job(handlers["import_csv"])
        assert job.run(ORDER) == {"rows": 3, "table": "flights"}
        assert rows(below / "f.db") == [
            ("007", 'a, "b"', "1"),
            ("1e5", "two\nlines", "1"),
            ("ä", "", "1"),
        ]
        with closing(sqlite3.connect(below / "f.db")) as connection:
            found = connection.execute('SELECT code, "na""me", _job_id FROM flights')
            assert [column[0] for column in found.description] == ["code", 'na"me', "_job_id"]

    def test_a_zipped_file_is_read_as_it_is(self, handlers: Handlers, below: Path) -> None:
        """Its progress counts the bytes of the unpacked file."""
        text = "n\n" + "".join(f"{n}\n" for n in range(12_000))
        with zipfile.ZipFile(below / "f.csv.ZIP", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("f.csv", text)
            archive.writestr("__MACOSX/._f.csv", b"\0")
            archive.writestr("readme.txt", "x")
        job = Job(handlers["import_csv"])
        assert job.run(ORDER | {"file": "f.csv.ZIP"})["rows"] == 12_000
        assert [said["message"] for said in job.said] == ["5000 rows", "10000 rows", "12000 rows"]
        assert job.said[-1]["done"] == job.said[-1]["total"] == len(text)

    def test_a_file_without_rows_makes_an_empty_table(
        self, handlers: Handlers, below: Path
    ) -> None:
        """The next reader of the table finds its columns."""
        (below / "f.csv").write_text("a,b")
        assert Job(handlers["import_csv"]).run(ORDER)["rows"] == 0
        assert rows(below / "f.db") == []

    @pytest.mark.parametrize(
        "data",
        [
            None,
            {},
            ORDER | {"more": 1},
            ORDER | {"table": ""},
            ORDER | {"table": 5},
            ORDER | {"table": "x" * 101},
            ORDER | {"table": "a\0b"},
            ORDER | {"table": "\ud800"},
            ORDER | {"table": "SQLITE_master"},
        ],
    )
    def test_data_of_another_shape_is_refused(self, handlers: Handlers, data: object) -> None:
        """The error says what the data should be, so that the next try can be right."""
        with pytest.raises(ValueError, match=r'data must be {"file": path, "database": path, "ta'):
            Job(handlers["import_csv"]).run(data)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "f.csv, line 1: the file is empty"),
            (b"\xef\xbb\xbf", "f.csv, line 1: the file is empty"),
            (b"\n1,2\n", "f.csv, line 1: every column needs a name"),
            (b"a,,c\n", "f.csv, line 1: every column needs a name"),
            (b"a,b\0\n", "f.csv, line 1: every column needs a name"),
            (b"a,b,A\n", "f.csv, line 1: two columns of one name"),
            (b"a,_JOB_ID\n", "f.csv, line 1: the name _job_id is needed"),
            (b"a,b\n1,2\n1,2,3\n", "f.csv, line 3: 3 fields, but the header has 2"),
            (b'a,b\n"1\n1",2\n1\n', "f.csv, line 4: 1 fields, but the header has 2"),
            (b"a,b\n1,\xff\n", "f.csv, line 2: byte 0xff is not UTF-8"),
            ("a,b\n".encode("utf-16"), "f.csv, line 1: byte 0xff is not UTF-8"),
            (b'a,b\n1,"2\n', "f.csv, line 2: unexpected end of data"),
            (b'a,b\n1,"2"3\n', "f.csv, line 2: ',' expected after '\"'"),
            (b"a,b\n1," + b"2" * 140_000, "f.csv, line 2: field larger than field limit"),
            (b"a,b\n" + b"1" * 270_000, "f.csv, line 2: longer than 262144 bytes"),
            (b",".join(b"%d" % n for n in range(1001)), "f.csv, line 1: more than 1000 columns"),
        ],
    )
    def test_what_is_wrong_with_a_file_is_told_with_its_line_and_nothing_of_it_stays(
        self, handlers: Handlers, below: Path, content: bytes, message: str
    ) -> None:
        """All or nothing: half a table looks like a complete one."""
        (below / "f.csv").write_bytes(content)
        with pytest.raises(ValueError, match="line") as caught:
            Job(handlers["import_csv"]).run(ORDER)
        assert str(caught.value).startswith(message)
        assert tables(below / "f.db") == []

    def test_an_archive_must_hold_one_readable_csv_file(
        self, handlers: Handlers, below: Path
    ) -> None:
        """The handler must not guess which of several files is meant."""

        def refusal() -> str:
            with pytest.raises(ValueError, match=r"f\.zip") as caught:
                Job(handlers["import_csv"]).run(ORDER | {"file": "f.zip"})
            return str(caught.value)

        (below / "f.zip").write_bytes(b"no archive")
        assert refusal() == "f.zip: not a zip archive: File is not a zip file"
        for names in ([], ["a.csv", "b.csv"]):
            with zipfile.ZipFile(below / "f.zip", "w") as archive:
                for name in names:
                    archive.writestr(name, "a\n")
            assert refusal() == f"f.zip: exactly one CSV file must be in it, not {len(names)}"
        with zipfile.ZipFile(below / "f.zip", "w") as archive:
            archive.writestr("a.csv", "a\n" + "12345\n" * 1000)
        damaged = (below / "f.zip").read_bytes().replace(b"12345", b"12354", 1)
        (below / "f.zip").write_bytes(damaged)
        assert "line 1" in refusal()
        assert "Bad CRC-32" in refusal()
        encrypted = damaged.replace(b"PK\1\2\x14\3\x14\0\0", b"PK\1\2\x14\3\x14\0\1")
        assert encrypted != damaged
        (below / "f.zip").write_bytes(encrypted)
        assert "encrypted" in refusal() or "flag" in refusal()

    def test_what_is_no_database_is_not_touched(self, handlers: Handlers, below: Path) -> None:
        """A file named by mistake may be the only copy."""
        (below / "f.csv").write_text("a\n1\n")
        with pytest.raises(sqlite3.DatabaseError, match="not a database"):
            Job(handlers["import_csv"]).run(ORDER | {"database": "f.csv"})
        assert (below / "f.csv").read_text() == "a\n1\n"

    def test_any_printable_name_is_a_table(self, handlers: Handlers, below: Path) -> None:
        """A name is never executed as SQL."""
        (below / "f.csv").write_text('"a""); DROP TABLE x; --",select\n1,2\n')
        name = 'x"; DROP TABLE x; --'
        Job(handlers["import_csv"]).run(ORDER | {"table": "x"})
        Job(handlers["import_csv"]).run(ORDER | {"table": name})
        assert rows(below / "f.db", "x") == [("1", "2", "1")]
        Job(handlers["import_csv"]).undo(ORDER | {"table": name})
        assert rows(below / "f.db", "x") == [("1", "2", "1")]
        assert name not in tables(below / "f.db")

    def test_a_table_of_other_columns_is_not_touched(self, handlers: Handlers, below: Path) -> None:
        """Neither by the import, nor by undoing it."""
        (below / "f.csv").write_text("a\n1\n")
        with closing(sqlite3.connect(below / "f.db")) as connection, connection:
            connection.execute("CREATE TABLE flights (a)")
            connection.execute("INSERT INTO flights VALUES ('kept')")
        job = Job(handlers["import_csv"])
        with pytest.raises(ValueError, match=r"'flights' has the columns a; needed are a, _job_id"):
            job.run(ORDER)
        job.undo(ORDER)
        assert rows(below / "f.db") == [("kept",)]

    def test_other_jobs_write_between_the_batches(self, handlers: Handlers, below: Path) -> None:
        """A long import must not lock the database for all others."""
        (below / "f.csv").write_text("n\n" + "".join(f"{n:05}\n" for n in range(6_000)))
        (below / "g.csv").write_text("n\n99999\n")
        short = Job(handlers["import_csv"], id="short")
        long = Job(
            handlers["import_csv"], id="long", then=lambda: short.run(ORDER | {"file": "g.csv"})
        )
        long.run(ORDER)
        assert len(rows(below / "f.db")) == 6_001


class TestUndo:
    """Exactly the rows that a job imported are removed, at whatever instant it died."""

    @pytest.fixture(autouse=True)
    def _file(self, below: Path) -> None:
        (below / "f.csv").write_text("n\n" + "".join(f"{n}\n" for n in range(5)))

    def test_a_table_that_was_created_for_this_job_alone_goes_with_it(
        self, handlers: Handlers, below: Path
    ) -> None:
        """As if the job had never run; twice, because a clean-up may be repeated."""
        job = Job(handlers["import_csv"])
        job.run(ORDER)
        for _ in range(2):
            job.undo(ORDER)
            assert tables(below / "f.db") == []

    def test_the_rows_of_others_stay(self, handlers: Handlers, below: Path) -> None:
        """Whichever of the jobs created the table."""
        first, second = (Job(handlers["import_csv"], id=id_) for id_ in ("first", "second"))
        for undone, kept in ((first, "second"), (second, "first")):
            first.run(ORDER)
            second.run(ORDER)
            undone.undo(ORDER)
            assert [row[1] for row in rows(below / "f.db")] == [kept] * 5
        second.undo(ORDER)
        assert len(rows(below / "f.db")) == 5

    def test_a_table_that_another_created_stays_when_it_is_empty(
        self, handlers: Handlers, below: Path
    ) -> None:
        """This job must not drop it."""
        (below / "none.csv").write_text("n\n")
        Job(handlers["import_csv"], id="first").run(ORDER | {"file": "none.csv"})
        second = Job(handlers["import_csv"], id="second")
        second.run(ORDER)
        second.undo(ORDER)
        assert rows(below / "f.db") == []

    def test_where_nothing_was_done_there_is_nothing_to_undo(
        self, handlers: Handlers, below: Path
    ) -> None:
        """The job may have died before its first line; the clean-up must not create a database."""
        Job(handlers["import_csv"]).undo(ORDER)
        Job(handlers["import_csv"]).undo(ORDER | {"database": "gone/f.db"})
        assert [file.name for file in below.iterdir()] == ["f.csv"]

    def test_a_table_that_is_dropped_meanwhile_is_created_again(
        self, handlers: Handlers, below: Path
    ) -> None:
        """One job creates the table, another adds to it: undoing one keeps the other's rows."""
        names = handlers["import_csv"].function.function.__globals__
        with names["connected"](below / "f.db", create=True) as connection:
            first, second = (
                names["JobTable"](connection, table="flights", job_id=id_)
                for id_ in ("first", "second")
            )
            first.add(["n"], [["1"]])
            second.add(["n"], [])
            first.remove()
            second.add(["n"], [["2"]])
        assert rows(below / "f.db") == [("2", "second")]

    def test_an_abort_with_a_grace_period_leaves_nothing_already(
        self, handlers: Handlers, below: Path
    ) -> None:
        """`JobAborted` is raised in the middle, as at a time limit or a drain."""

        def abort() -> None:
            raise JobAborted

        job = Job(handlers["import_csv"], then=abort)
        with pytest.raises(JobAborted):
            job.run(ORDER)
        assert tables(below / "f.db") == []

    @pytest.mark.parametrize("shared", [False, True])
    @pytest.mark.parametrize("then", ["undo", "run"])
    def test_death_at_any_instant_leaves_no_row_behind_and_doubles_none(
        self, below: Path, *, shared: bool, then: str
    ) -> None:
        """Killed before each SQL statement in turn; then undone twice, or tried again."""
        completed = subprocess.run(
            [
                sys.executable,
                "-m",
                "tests.unit.processes.child.dying_import",
                then,
                *["shared"] * shared,
            ],
            cwd=FOLDER.parent,
            check=True,
            capture_output=True,
            text=True,
        )
        deaths = completed.stdout.splitlines()
        assert len(deaths) > 20
        mine = 5 if then == "run" else 0
        assert set(deaths) == {f"{mine} {5 if shared else 0}"}
        if then == "undo" and not shared:
            assert tables(below / "f.db") == []

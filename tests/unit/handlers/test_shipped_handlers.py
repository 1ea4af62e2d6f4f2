"""The shipped handlers: what they do, what they refuse, and which files they can reach."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.unit.handlers.shipped import ORDER, Handlers, Job


def test_the_folder_holds_these_handlers_and_each_says_what_it_does(
    handlers: Handlers,
) -> None:
    """`GET /-/tasks` shows these lines to a new user."""
    assert set(handlers) == {"task1", "checksum", "import_csv"}
    assert all(each.options.doc for each in handlers.values())


class TestTask1:
    """The example."""

    def test_it_waits_as_long_as_it_is_told_and_says_each_second_how_far_it_is(
        self,
        handlers: Handlers,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """A new user sees a job's progress, and that it has a log."""
        now = 1000.0

        def sleep(seconds: float) -> None:
            nonlocal now
            now += seconds * 1.1  # a sleep may be longer than asked for

        monkeypatch.setattr(time, "monotonic", lambda: now)
        monkeypatch.setattr(time, "sleep", sleep)
        job = Job(handlers["task1"])
        assert job.run({"n": 3.5}) == {"n": 3.5}
        assert [said["done"] for said in job.said] == [0, 1, 2, 3, 3.5]
        assert {said["total"] for said in job.said} == {3.5}
        assert now == pytest.approx(1003.5, abs=0.11)
        assert capsys.readouterr().out == "Waiting for 3.5 seconds\n"

    @pytest.mark.parametrize(
        "data", [None, 3, [], {}, {"n": "3"}, {"n": True}, {"n": -1}, {"n": 1e9}, {"n": 1, "m": 2}]
    )
    def test_data_of_another_shape_is_refused(self, handlers: Handlers, data: object) -> None:
        """With what it should be, so that the next try is right."""
        with pytest.raises(
            ValueError, match=r'data must be {"n": seconds}, seconds from 0 to 86400'
        ):
            Job(handlers["task1"]).run(data)


class TestChecksum:
    """SHA-256 of files."""

    def test_files_and_folders_give_a_digest_for_each_file(
        self, handlers: Handlers, below: Path
    ) -> None:
        """Sorted by the paths as they were given, each file once."""
        (below / "folder/inner").mkdir(parents=True)
        contents = {"b.bin": b"", "folder/z": b"z", "folder/inner/a": b"a" * 3_000_000}
        for name, content in contents.items():
            (below / name).write_bytes(content)
        job = Job(handlers["checksum"])
        digests = job.run({"paths": ["folder", "b.bin", "./b.bin", "folder/z"]})
        assert digests == {
            name: hashlib.sha256(content).hexdigest() for name, content in contents.items()
        }
        assert list(digests) == sorted(contents)
        assert [said["done"] for said in job.said] == sorted(said["done"] for said in job.said)
        assert job.said[-1]["done"] == job.said[-1]["total"] == 3_000_001

    @pytest.mark.parametrize("data", [None, {}, {"paths": []}, {"paths": "a"}, {"path": "a"}])
    def test_data_of_another_shape_is_refused(self, handlers: Handlers, data: object) -> None:
        """With what it should be, so that the next try is right."""
        with pytest.raises(ValueError, match=r'data must be {"paths": \[path, …\]}'):
            Job(handlers["checksum"]).run(data)

    def test_the_number_of_files_is_bounded(
        self, handlers: Handlers, below: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A result has a size limit; the error should come before the work, not after it."""
        function = handlers["checksum"].function
        monkeypatch.setitem(function.function.__globals__, "FILES_MAX", 2)
        for name in ("a", "b", "c"):
            (below / name).touch()
        with pytest.raises(ValueError, match="more than 2 files"):
            Job(handlers["checksum"]).run({"paths": ["."]})
        assert len(Job(handlers["checksum"]).run({"paths": ["a", "b"]})) == 2


class TestConfinement:
    """What a shipped handler reads or writes stays below `files_dir`."""

    @pytest.mark.parametrize(
        "path", ["/etc/passwd", "../secret.csv", "a/../../secret.csv", "..", "", "a\0b", 5, None]
    )
    def test_a_path_that_is_not_plainly_below_is_refused(
        self, handlers: Handlers, below: Path, path: object
    ) -> None:
        """A user who may submit jobs must not be able to read any file of the machine."""
        (below / "a").mkdir()
        (below / "f.csv").write_text("a\n")
        with pytest.raises(ValueError, match=r"relative to files_dir|must be a text"):
            Job(handlers["checksum"]).run({"paths": [path]})
        for field in ("file", "database"):
            with pytest.raises(ValueError, match=r"relative|must be"):
                Job(handlers["import_csv"]).run(ORDER | {field: path})

    def test_a_link_that_stays_inside_is_followed(self, handlers: Handlers, below: Path) -> None:
        """Operators arrange folders with links; `files_dir` itself may be a link."""
        (below / "real").mkdir()
        (below / "real/f.csv").write_text("a\n1\n")
        (below / "folder").symlink_to("real")
        (below / "link.csv").symlink_to(below / "folder/f.csv")
        assert set(Job(handlers["checksum"]).run({"paths": ["folder", "link.csv"]})) == {
            "folder/f.csv",
            "link.csv",
        }
        order = ORDER | {"file": "link.csv", "database": "folder/f.db"}
        assert Job(handlers["import_csv"]).run(order)["rows"] == 1
        assert (below / "real/f.db").is_file()

    @pytest.mark.parametrize("target", ["../secret.csv", "hop", "/etc/passwd"])
    def test_a_link_that_leads_outside_is_refused(
        self, handlers: Handlers, below: Path, target: str
    ) -> None:
        """Directly, through another link, or inside a given folder."""
        (below / "inner").mkdir()
        (below / "hop").symlink_to("../secret.csv")
        (below / "inner/link.csv").symlink_to(below / target)
        for paths in (["inner/link.csv"], ["inner"]):
            with pytest.raises(ValueError, match=r"'inner/link.csv' leads out of files_dir"):
                Job(handlers["checksum"]).run({"paths": paths})
        with pytest.raises(ValueError, match="leads out of files_dir"):
            Job(handlers["import_csv"]).run(ORDER | {"file": "inner/link.csv"})

    def test_a_database_is_not_created_outside_through_a_link(
        self, handlers: Handlers, below: Path
    ) -> None:
        """Neither through its folder, nor through a link whose target does not exist yet."""
        (below / "f.csv").write_text("a\n1\n")
        (below / "out").symlink_to("..")
        (below / "new.db").symlink_to("../new.db")
        with pytest.raises(ValueError, match="leads out of files_dir"):
            Job(handlers["import_csv"]).run(ORDER | {"database": "out/new.db"})
        with pytest.raises(FileNotFoundError, match=r"'new\.db'"):
            Job(handlers["import_csv"]).run(ORDER | {"database": "new.db"})
        assert not (below.parent / "new.db").exists()

    @pytest.mark.parametrize("suffix", ["-journal", "-wal"])
    def test_a_journal_is_not_written_outside_through_a_link(
        self, handlers: Handlers, below: Path, suffix: str
    ) -> None:
        """SQLite creates these files next to the database, and must not follow a link there."""
        (below / "f.csv").write_text("a\n1\n")
        with closing(sqlite3.connect(below / "f.db")) as connection:
            if suffix == "-wal":
                connection.execute("PRAGMA journal_mode = WAL")
        (below / f"f.db{suffix}").symlink_to("../journal")
        with pytest.raises(sqlite3.OperationalError, match="unable to open"):
            Job(handlers["import_csv"]).run(ORDER)
        assert not (below.parent / "journal").exists()

    def test_a_link_put_in_after_the_check_is_not_followed(
        self, handlers: Handlers, below: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Checked, replaced by a link, opened: opening fails, for the file and for its folder."""
        files = handlers["checksum"].function.function.__globals__["open_below"].__globals__
        (below / "a").mkdir()
        (below / "a/f").write_text("mine")
        checked = files["file_below"]

        def replaced_after(link: Path, target: str) -> Callable[[str], Path]:
            def check(path: str) -> Path:
                place: Path = checked(path)
                link.rename(below / f"was {link.name}")
                link.symlink_to(target)
                return place

            return check

        for link, target in ((below / "a/f", "../../secret.csv"), (below / "a", "..")):
            monkeypatch.setitem(files, "file_below", replaced_after(link, target))
            with pytest.raises(OSError, match=r"symbolic links|Not a directory"):
                files["open_below"]("a/f")
            link.unlink()
            (below / "a").mkdir(exist_ok=True)
            (below / "a/f").write_text("mine")

    def test_what_is_no_regular_file_is_refused_at_once(
        self, handlers: Handlers, below: Path
    ) -> None:
        """Reading a FIFO would wait for a writer, and opening a device may do something."""
        os.mkfifo(below / "fifo")
        (below / "f.csv").write_text("a\n")
        with pytest.raises(ValueError, match="'fifo' is not a regular file"):
            Job(handlers["checksum"]).run({"paths": ["."]})
        for field in ("file", "database"):
            for path in ("fifo", "."):
                with pytest.raises(ValueError, match="is not a regular file"):
                    Job(handlers["import_csv"]).run(ORDER | {field: path})

    def test_links_in_a_circle_end(self, handlers: Handlers, below: Path) -> None:
        """Otherwise the job would run for ever, and nobody would see why."""
        (below / "a").mkdir()
        (below / "a/back").symlink_to("..")
        with pytest.raises(ValueError, match="'a/back' is a link to a folder that it is in"):
            Job(handlers["checksum"]).run({"paths": ["."]})
        (below / "a/back").unlink()
        (below / "self").symlink_to("self")
        with pytest.raises(OSError, match="'self'"):
            Job(handlers["checksum"]).run({"paths": ["self"]})

    def test_a_missing_file_is_told_by_the_name_that_the_user_knows(
        self, handlers: Handlers, below: Path
    ) -> None:
        """The client must not learn the path of `files_dir`."""
        asked: dict[str, Any] = {"checksum": {"paths": ["f.csv"]}, "import_csv": ORDER}
        for name, data in asked.items():
            with pytest.raises(FileNotFoundError) as caught:
                Job(handlers[name]).run(data)
            assert str(below) not in str(caught.value)
            assert caught.value.filename == "f.csv"

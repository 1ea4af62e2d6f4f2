"""What a handler file does when it is loaded, and what else is in the folder with it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from scheduler.processes.warden.cookie import SCRATCH
from tests.integration.jobs.test_job_logs import read
from tests.integration.nodes.test_node import refusal
from tests.support.handlers.folders import serving
from tests.support.nodes import Node, Nodes
from tests.support.process_table import proc_file

MIB = 1024 * 1024

LOGS = """
import logging
from scheduler import handler

logger = logging.getLogger("{name}")

@handler("{name}")
def run(data):
    logger.debug("at length")
    logger.info("in short")
    logger.warning("beware")
"""
DICTIONARY = """
import logging.config

logging.config.dictConfig({
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"h": {"class": "logging.StreamHandler"}},
    "root": {"level": "DEBUG", "handlers": ["h"]},
})
"""
OWN_HANDLER = """
own = logging.getLogger("own")
own.propagate = False
own.addHandler(logging.StreamHandler())

@handler("own")
def say(data):
    own.warning(data)
"""


def write(folder: Path, files: Mapping[str, str]) -> Path:
    """A handlers folder with these files."""
    folder = folder / "handlers"
    folder.mkdir()
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return folder


async def refused(folder: Path, handlers: Path) -> str:
    """Start a node that must refuse its handlers; the line that says why."""
    said = await refusal(folder, HANDLERS__PATH=handlers)
    assert len(said.strip().splitlines()) == 1
    return said


async def logged(node: Node, task: str) -> str:
    job = await node.outcome(task)
    assert job["status"] == "successful", job["error"]
    return "\n".join(text for _, text in await read(node, job))


async def test_a_file_that_logs_while_it_is_loaded_does_not_change_the_logs_of_others(
    tmp_path: Path, start_node: Nodes
) -> None:
    """Python configures logging at the first `logging.warning`, and then INFO would be silent."""
    files = {name: LOGS.format(name=name) for name in ("a", "m", "z")}
    files["m"] += OWN_HANDLER + "\nlogging.warning('loaded')\nlogging.info('loaded')\n"
    node = start_node(HANDLERS__PATH=write(tmp_path, files), NODE__WORKERS=1)
    for name in files:
        text = await logged(node, name)
        assert f"INFO {name}: in short" in text
        assert f"WARNING {name}: beware" in text
        assert text.count("beware") == 1
        assert "at length" not in text
    for user in ("ada", "bob"):
        job = await node.outcome("own", f"{user} speaks", uid=user)
        assert await read(node, job) == [("stderr", f"{user} speaks")]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("logging.basicConfig(level=logging.DEBUG)", True),
        ("logging.getLogger('a').setLevel(logging.DEBUG)", True),
        ("logging.basicConfig(level=logging.WARNING)", False),
        (DICTIONARY, True),
    ],
    ids=["level", "logger", "warning", "dictionary"],
)
async def test_a_file_may_configure_logging_while_it_is_loaded(
    tmp_path: Path, start_node: Nodes, text: str, *, shown: bool
) -> None:
    """As in a script: what it asks for is what its jobs log, each line once."""
    files = {"a": LOGS.format(name="a") + text}
    node = start_node(HANDLERS__PATH=write(tmp_path, files), NODE__WORKERS=1)
    for _ in range(2):
        text = await logged(node, "a")
        counts = [text.count(each) for each in ("at length", "in short", "beware")]
        assert counts == [int(shown), int(shown), 1]


async def test_a_package_has_what_its_own_file_defines(tmp_path: Path, start_node: Nodes) -> None:
    """The handlers folder is an ordinary package."""
    files = {
        "__init__": "from .late import NAME\nVERSION = '1.2'\n",
        "late": "NAME = 'late'\n",
        "a": (
            "import handlers\nfrom handlers import NAME, VERSION\nfrom scheduler import handler\n"
            "@handler('version')\n"
            "def version(data): return [VERSION, NAME, handlers.VERSION, handlers.__file__]\n"
        ),
    }
    node = start_node(HANDLERS__PATH=write(tmp_path, files), NODE__WORKERS=1)
    job = await node.outcome("version")
    init = str(tmp_path / "handlers" / "__init__.py")
    assert job["result"] == ["1.2", "late", "1.2", init], job["error"]


async def test_a_handler_in_the_file_of_the_package_is_found(
    tmp_path: Path, start_node: Nodes
) -> None:
    """It is a file of the folder like any other, and is loaded once."""
    text = "from scheduler import handler\n@handler('top')\ndef top(data): return __name__\n"
    node = start_node(HANDLERS__PATH=write(tmp_path, {"__init__": text}), NODE__WORKERS=1)
    assert (await node.outcome("top"))["result"] == "handlers"


async def test_a_package_file_that_does_not_import_stops_the_start(tmp_path: Path) -> None:
    """The error names it, with the line."""
    folder = write(tmp_path, {"__init__": "\nraise RuntimeError('not today')\n"})
    said = await refused(tmp_path, folder)
    assert f"{folder / '__init__.py'}:2" in said
    assert "not today" in said


TAKES = "from scheduler import handler\nTAKEN = {taken}\n"
LIMITED = "@handler('limited', memory_bytes={limit})\ndef limited(data): return len(TAKEN)\n"


@pytest.mark.parametrize(
    "taken",
    [
        f"bytearray({200 * MIB})",
        f"__import__('mmap').mmap(-1, {200 * MIB}, flags=2)",
    ],
    ids=["heap", "mapping"],
)
async def test_a_memory_limit_below_what_the_files_take_stops_the_start(
    tmp_path: Path, taken: str
) -> None:
    """Each of its jobs would fail, some of them without a reason that can be read."""
    text = TAKES.format(taken=taken) + LIMITED.format(limit=128 * MIB)
    said = await refused(tmp_path, write(tmp_path, {"a": text}))
    assert "memory_bytes" in said
    assert f"{tmp_path / 'handlers' / 'a.py'}:3: " in said
    assert str(128 * MIB) in said
    figures = [int(word) for word in said.replace(",", " ").split() if word.isdigit()]
    assert any(200 * MIB < each < 600 * MIB for each in figures), said


async def test_what_another_file_takes_counts_for_a_limit(tmp_path: Path) -> None:
    """All files are loaded into each process, also those that come later."""
    files = {
        "a": "from scheduler import handler\nTAKEN = b''\n" + LIMITED.format(limit=128 * MIB),
        "b": TAKES.format(taken=f"bytearray({200 * MIB})"),
    }
    said = await refused(tmp_path, write(tmp_path, files))
    assert "memory_bytes" in said
    assert f"{tmp_path / 'handlers' / 'a.py'}" in said


async def test_a_memory_limit_above_what_the_files_take_is_fine(
    tmp_path: Path, start_node: Nodes
) -> None:
    """The check refuses only what cannot work."""
    taken = f"bytearray({200 * MIB})"
    text = TAKES.format(taken=taken) + LIMITED.format(limit=400 * MIB)
    node = start_node(HANDLERS__PATH=write(tmp_path, {"a": text}), NODE__WORKERS=1)
    job = await node.outcome("limited")
    assert job["result"] == 200 * MIB, job["error"]


ENDS_BADLY = "raise SystemExit(1)\n"
LOADED = """
    import sys
    from scheduler import handler

    @handler("loaded")
    def loaded(data):
        return data in sys.modules
"""


async def test_a_virtual_environment_in_the_folder_is_passed_over(tmp_path: Path) -> None:
    """Its packages have files that do not run, and so many that no node would start in time."""
    files = {
        "a.py": LOADED,
        "venv/pyvenv.cfg": "version = 3.13",
        "venv/__init__.py": "raise SystemExit(1)",
        "venv/lib/python3.13/site-packages/x.py": ENDS_BADLY,
    }
    with serving(tmp_path, files) as node:
        assert (await node.outcome("loaded", "handlers.venv"))["result"] is False


async def test_what_only_other_programs_in_the_folder_import_is_not_loaded(tmp_path: Path) -> None:
    """It may take long, and it may do something."""
    files = {"a.py": LOADED, "programs/b.py": "import unwanted\n"}
    packages = {"unwanted.py": "X = 1\n"}
    with serving(tmp_path, files, packages=packages) as node:
        assert (await node.outcome("loaded", "unwanted"))["result"] is False


def test_what_the_node_wrote_for_its_processes_is_kept_from_cleaners(own_node: Node) -> None:
    """A node runs for months, and what cleans temporary folders removes what is ten days old."""
    mark = f"{SCRATCH}=".encode()
    environments = [proc_file(pid, "environ") for pid in own_node.processes()]
    (scratch,) = {
        each.removeprefix(mark)
        for environment in environments
        for each in environment.split(b"\0")
        if each.startswith(mark)
    }
    folder = os.open(scratch, os.O_RDONLY)
    try:
        with pytest.raises(BlockingIOError):
            fcntl.flock(folder, fcntl.LOCK_SH | fcntl.LOCK_NB)
    finally:
        os.close(folder)

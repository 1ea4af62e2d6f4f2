"""What a job prints is in its own log and in no other, whatever it does to its streams."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.jobs.test_job_logs import followed, read
from tests.support.eventually import eventually
from tests.support.handlers.folders import serving
from tests.support.nodes import ROOT, Node

BREAKS = [
    "wrapped",
    "wrapped and kept",
    "wrapped errors",
    "wrapped for nothing",
    "detached",
    "detached and kept",
    "encoded",
    "closed",
    "closed errors",
    "closed buffer",
    "closed originals",
    "none",
    "descriptor 1 closed",
    "descriptor 2 closed",
    "all descriptors closed",
    "descriptors that lead nowhere",
    "redirected",
    "reconfigured",
    "not blocking",
    "logged elsewhere",
    "closed what logs",
]
WAYS = [
    "from sys import stdout",
    "a default argument",
    "a partial",
    "sys.__stdout__",
    "sys.stderr",
]
ALL_WAYS = [*WAYS, "sys.stdout.buffer", "an unfinished line"]
TO_A_FILE = """
import os, runpy, subprocess, sys
log = os.open("stdout.txt", os.O_CREAT | os.O_RDWR)
subprocess.run(["sh", "-c", "tail -n +1 -f stdout.txt &"])
os.dup2(log, 1)
os.execv(sys.executable, [sys.executable, "-W", "error", MAIN])
"""
CLOSING = {
    "closing.py": """
        import sys
        from sys import stderr as kept
        from scheduler import handler

        @handler("close_errors")
        def close_errors(data):
            sys.stderr.close()

        @handler("speak")
        def speak(data):
            print("here", file=sys.stderr)
            print("there", file=kept)
    """
}
SPOKEN = [("stderr", "INFO streams: logged"), ("stderr", "to stderr"), ("stdout", "printed ü")]


@pytest.fixture(scope="module")
def filed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node with one worker and a regular file as its standard output."""
    folder = tmp_path_factory.mktemp("filed")
    program = folder / "start.py"
    program.write_text(TO_A_FILE.replace("MAIN", repr(str(ROOT / "main.py"))))
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTHONUNBUFFERED", raising=False)
        node = Node(folder / "node", {"NODE__WORKERS": 1}, program=program)
    yield node
    node.close()


@pytest.fixture(params=["single", "filed"])
async def either(request: pytest.FixtureRequest) -> Node:
    """A node whose own standard output is a pipe, and one where it is a file; a new process."""
    node: Node = request.getfixturevalue(request.param)
    await node.outcome("crash", 0)
    return node


@pytest.mark.parametrize("way", BREAKS)
async def test_whatever_a_job_does_to_its_streams_the_next_one_prints_and_logs(
    either: Node, way: str
) -> None:
    """Else another user's job would fail, or lose its log."""
    ada = await either.outcome("break_streams", way, uid="ada")
    assert ada["status"] == "successful", ada["error"]
    assert ("stdout", "before") in await read(either, ada)
    bob = await either.outcome("speak", uid="bob")
    assert (bob["status"], bob["result"]) == ("successful", [True, True]), bob["error"]
    assert sorted(await read(either, bob)) == SPOKEN


async def test_the_next_job_can_print_to_a_kept_stream_that_another_has_closed(
    tmp_path: Path,
) -> None:
    """Where nothing else has changed, and the process began with that stream."""
    with serving(tmp_path, CLOSING, NODE__WORKERS=1) as node:
        await node.outcome("close_errors")
        job = await node.outcome("speak")
        assert job["status"] == "successful", job["error"]
        assert await read(node, job) == [("stderr", "here"), ("stderr", "there")]


@pytest.mark.parametrize("way", ALL_WAYS)
async def test_what_is_written_to_a_stream_found_at_import_is_in_the_log_of_its_job(
    either: Node, way: str
) -> None:
    """Else the next user reads it."""
    for user in ("ada", "bob"):
        job = await either.outcome("say", {"way": way, "text": f"{user} speaks"}, uid=user)
        assert [text for _, text in await read(either, job)] == [f"{user} speaks"]


@pytest.mark.parametrize("way", WAYS)
async def test_a_line_to_a_stream_found_at_import_is_in_the_log_at_once(
    either: Node, tmp_path: Path, way: str
) -> None:
    """People watch a job by its log."""
    files = {"file": str(tmp_path / "begun"), "end": str(tmp_path / "end")}
    job = await either.submit("say_until", {"way": way, "text": "ada speaks", **files})
    try:
        await eventually((tmp_path / "begun").exists)
        await eventually(lambda: _has_line(either, job))
    finally:
        (tmp_path / "end").touch()
        await either.job(job, wait_s=10)


async def _has_line(node: Node, job: object) -> bool:
    return "ada speaks" in [text for _, text in await read(node, job)]


@pytest.mark.parametrize("grace_s", [0, 5])
@pytest.mark.parametrize("way", ["from sys import stdout", "a default argument"])
async def test_the_lines_of_an_aborted_job_are_in_its_log(
    single: Node, tmp_path: Path, way: str, grace_s: int
) -> None:
    """They say how far it came."""
    files = {"file": str(tmp_path / "begun"), "end": str(tmp_path / "never")}
    job = await single.submit("say_until", {"way": way, "text": "ada speaks", **files})
    await eventually((tmp_path / "begun").exists)
    await single.abort(job, f"grace_s={grace_s}&wait=30")
    assert ("stdout", "ada speaks") in await read(single, job)
    bob = await single.outcome("speak", uid="bob")
    assert sorted(await read(single, bob)) == SPOKEN


@pytest.mark.parametrize("end", ["returned", "raised", "exited", "left a thread"])
@pytest.mark.parametrize("write", ["printf", "puts", "an unfinished line", "stderr"])
async def test_what_the_c_library_has_buffered_is_in_the_log_of_its_job(
    fresh: Node, write: str, end: str
) -> None:
    """Else the next user reads it, when a job of his flushes."""
    data = {"write": write, "text": "secret", "end": end}
    ada = await fresh.outcome("c_write", data, uid="ada")
    bob = await fresh.outcome("c_flush", uid="bob")
    assert [text for _, text in await read(fresh, ada)] == ["secret"]
    assert await read(fresh, bob) == []


async def test_what_the_c_library_has_buffered_is_in_the_log_of_an_aborted_job(
    fresh: Node, begun: Path
) -> None:
    """And of its clean-up: in a grace period, all output is kept."""
    data = {"write": "printf", "text": "secret", "file": str(begun)}
    ada = await fresh.submit("c_write", data, uid="ada")
    await eventually(begun.exists)
    async with followed(fresh, ada) as lines:
        await fresh.abort(ada, "grace_s=5&wait=30")
        await lines.read()
    assert await read(fresh, ada) == [
        ("stdout", "secret"),
        ("notice", "the clean-up begins"),
        ("stdout", "undone"),
    ]


async def test_what_the_c_library_has_buffered_is_in_the_log_of_a_job_that_is_late(
    fresh: Node,
) -> None:
    """A time limit ends a job in the same way."""
    assert ("stdout", "late") in await read(fresh, await fresh.outcome("c_write_late"))

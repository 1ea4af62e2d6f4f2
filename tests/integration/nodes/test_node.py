"""A node's life: starting, refusing to start, draining, dying and coming back."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest

from tests.support.eventually import eventually
from tests.support.forking.client import forked_command
from tests.support.nodes import END_S, HANDLERS, ROOT, Node, Nodes
from tests.support.process_table import living, proc_file, states

TWINS = """
from scheduler import handler
@handler('x')
def x(data): pass
@handler('x')
def y(data): pass
"""
FAR: dict[str, Any] = {"QUEUE__IDLE_WINDOW_S": 3600}
"""So long that the safety net cannot cause what a test sees."""


async def refusal(folder: Path, **settings: object) -> str:
    """Start a node that must fail to start; its standard error, which must be short."""
    environment = {
        **os.environ,
        "SCHEDULER_HTTP__PORT": "0",
        "SCHEDULER_HANDLERS__PATH": str(HANDLERS),
        **{f"SCHEDULER_{key}": str(each) for key, each in settings.items()},
    }
    status, _, said = await forked_command(
        ROOT / "main.py", (), folder, environment, within_s=END_S, kind="nodes"
    )
    assert status == 2, said.decode()
    assert b"Traceback" not in said
    return said.decode()


async def test_a_data_dir_serves_one_node(start_node: Nodes) -> None:
    """Two nodes on one SQLite file would each take the other's jobs for lost."""
    node = start_node()
    said = await refusal(node.folder)
    assert str(node.folder / "data") in said
    assert str(node.process.pid) in said
    assert (await node.outcome("echo", 1))["result"] == 1


@pytest.mark.parametrize("key", ["NODE__DATA_DIR", "HANDLERS__FILES_DIR"])
async def test_a_folder_that_cannot_be_created_stops_the_start(tmp_path: Path, key: str) -> None:
    """A file in its place or a read-only disk: the operator must see which."""
    taken = tmp_path / "taken"
    taken.write_text("a file")
    assert f"{taken}: {taken} is no folder" in await refusal(tmp_path, **{key: "taken"})
    said = await refusal(tmp_path, **{key: "/proc/x"})
    assert "/proc/x: No such file or directory: /proc is of the kernel (proc), and takes no" in said


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"HANDLERS__FILES_DIR": "taken"}, "taken is no folder"),
        ({"STORE__URL": "sqlite:///taken/x.db"}, "taken"),
        ({"HANDLERS__PATH": "nowhere"}, "no such folder"),
    ],
)
async def test_a_start_that_is_refused_late_leaves_nothing_in_a_folder_that_was_there(
    tmp_path: Path, settings: dict[str, str], told: str
) -> None:
    """Its data_dir may be a mounted volume, and a backup is put into an empty one."""
    (tmp_path / "taken").write_text("a file")
    (tmp_path / "data").mkdir()
    assert told in await refusal(tmp_path, **settings)
    assert list((tmp_path / "data").iterdir()) == []


async def test_a_port_in_use_stops_the_start(tmp_path: Path) -> None:
    """The error names the port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = await refusal(tmp_path, HTTP__PORT=port)
    assert f"[http] port: 127.0.0.1:{port} is in use" in said
    assert said.count(f":{port}") == 1


async def test_an_address_of_another_machine_stops_the_start(tmp_path: Path) -> None:
    """The error has the address and the system's text, once each."""
    said = await refusal(tmp_path, HTTP__HOST="192.0.2.7", AUTH__INSECURE=True)
    assert "[http] 192.0.2.7:0 cannot be listened on: Cannot assign requested address\n" in said
    assert said.count("192.0.2.7") == 1


async def test_a_node_listens_on_all_addresses_that_it_is_told(start_node: Nodes) -> None:
    """Its ready line names them all; the client in a handler gets one that leads to the node."""
    node = start_node(HTTP__HOST="::1,127.0.0.1")
    port = node.url.rpartition(":")[2]
    assert node.url == f"http://[::1]:{port}"
    for url in (node.url, f"http://127.0.0.1:{port}"):
        async with aiohttp.ClientSession() as session, session.get(f"{url}/-/health") as answer:
            assert answer.status == 200
    (_, url), _ = (await node.outcome("named"))["result"]
    assert url == f"http://127.0.0.1:{port}"
    assert node.ready_line.endswith(f"), also on http://127.0.0.1:{port}\n")


@pytest.mark.parametrize("host", ["::", "0.0.0.0"])  # noqa: S104 - as in a container
async def test_a_node_that_listens_everywhere_is_reached_by_ipv4(
    start_node: Nodes, host: str
) -> None:
    """A system's `::` leaves IPv4 out, or not: a node's has both."""
    node = start_node(HTTP__HOST=host, AUTH__INSECURE=True)
    port = node.url.rpartition(":")[2]
    health = f"http://127.0.0.1:{port}/-/health"
    async with aiohttp.ClientSession() as session, session.get(health) as answer:
        assert answer.status == 200
    (_, url), _ = (await node.outcome("named"))["result"]
    assert url == f"http://127.0.0.1:{port}"


async def test_one_of_several_hosts_that_cannot_be_listened_on_stops_the_start(
    tmp_path: Path,
) -> None:
    """One line that names it: half a node would be found out much later."""
    said = await refusal(tmp_path, HTTP__HOST="127.0.0.1,192.0.2.7", AUTH__INSECURE=True)
    assert "[http] 192.0.2.7:0 cannot be listened on: Cannot assign requested address\n" in said
    assert said.count("\n") == 1


async def test_a_store_or_queue_out_of_reach_stops_the_start_after_an_announced_wait(
    tmp_path: Path,
) -> None:
    """It may still be booting; and a password stays secret."""
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    async with asyncio.TaskGroup() as group:
        queue = group.create_task(
            refusal(tmp_path / "one", QUEUE__URL="redis://:sesame@127.0.0.1:1/0")
        )
        store = group.create_task(
            refusal(tmp_path / "two", STORE__URL="postgresql://u:sesame@127.0.0.1:1/db")
        )
    for said, what in ((queue.result(), "redis://:***@"), (store.result(), "postgresql://u:***@")):
        wait, last = said.strip().splitlines()
        assert "waiting up to 10 s" in wait
        assert "cannot be reached" in last
        assert last.count("127.0.0.1:1") == last.count(what) == 1
        assert last.endswith(": Connection refused")
        assert "sesame" not in said


async def test_a_store_that_fails_during_the_start_stops_it(
    tmp_path: Path, start_node: Nodes, postgres_url: str
) -> None:
    """It was reachable a moment ago; the node's supervisor starts it again."""
    start_node(STORE__URL=postgres_url).drain()  # which makes the tables
    stranger = await asyncpg.connect(postgres_url)
    try:
        async with stranger.transaction():
            await stranger.execute("LOCK TABLE nodes IN ACCESS EXCLUSIVE MODE")
            said = await refusal(tmp_path, STORE__URL=f"{postgres_url}&statement_timeout=300")
    finally:
        await stranger.close()
    assert "the start was cut short: PostgreSQL at" in said


PARENT = """
import os
from scheduler import handler

@handler("parent")
def parent(data):
    return os.getppid()
"""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("def broken(:\n", "bad.py:1"),
        ("import nowhere\n", "bad.py:1"),
        ("\n\nraise SystemExit(3)\n", "bad.py:3"),
        (TWINS, "'x'"),
    ],
)
async def test_handlers_that_do_not_load_stop_the_start(
    tmp_path: Path, text: str, told: str
) -> None:
    """A node without all its handlers must not accept jobs."""
    (tmp_path / "handlers").mkdir()
    (tmp_path / "handlers" / "bad.py").write_text(text)
    said = await refusal(tmp_path, HANDLERS__PATH="handlers")
    assert told in said
    assert len(said.strip().splitlines()) == 1


async def test_a_handlers_file_that_ends_its_interpreter_stops_the_start(tmp_path: Path) -> None:
    """Else the start would hang without a reason."""
    (tmp_path / "handlers").mkdir()
    (tmp_path / "handlers" / "bad.py").write_text("import os\nos._exit(3)\n")
    said = await refusal(tmp_path, HANDLERS__PATH="handlers")
    assert "a file there may end its interpreter" in said.strip().splitlines()[-1]


async def test_jobs_wait_while_the_handlers_no_longer_load(
    tmp_path: Path, start_node: Nodes
) -> None:
    """Each process executes them: what they need to be loaded may be gone for a while."""
    (tmp_path / "handlers").mkdir()
    bad = tmp_path / "bad"
    program = "import os\nfrom scheduler import handler\n@handler('parent')\n"
    (tmp_path / "handlers" / "good.py").write_text(
        program + f"def parent(data): return os.getppid()\nassert not os.path.exists({str(bad)!r})"
    )
    node = start_node(HANDLERS__PATH=tmp_path / "handlers", NODE__WORKERS=1)
    fork_server = (await node.outcome("parent"))["result"]
    processes = [pid for pid, (_, parent) in states().items() if parent == fork_server]
    bad.touch()
    os.kill(fork_server, signal.SIGKILL)
    await eventually(lambda: not living(processes))  # until then, one may take the job
    job = await node.submit("parent")
    await eventually(lambda: "the handlers do not load any more" in node.log, within_s=60)
    bad.unlink()
    job = await node.job(job, wait_s=30)
    assert job["status"] == "successful", job
    assert job["result"] != fork_server


async def test_a_missing_handlers_folder_stops_the_start(tmp_path: Path) -> None:
    """Most often it is the wrong working folder."""
    assert "no such folder" in await refusal(tmp_path, HANDLERS__PATH="nowhere")


async def test_a_folder_without_a_handler_is_a_warning(tmp_path: Path, start_node: Nodes) -> None:
    """A forgotten `@handler`, or the wrong folder; or the node's files come later."""
    (tmp_path / "handlers").mkdir()
    (tmp_path / "handlers" / "plain.py").write_text("def plain(data): return data\n")
    node = start_node(HANDLERS__PATH=tmp_path / "handlers")
    (line,) = [line for line in node.log.splitlines() if "has a @handler" in line]
    assert str(tmp_path / "handlers") in line


async def test_a_drain_lets_running_jobs_finish_and_leaves_nothing(
    start_node: Nodes, begun: Path
) -> None:
    """A deployment must not cost users their work."""
    node = start_node(**FAR)
    job = await node.submit("until", {"file": str(begun)})
    await eventually(begun.exists)
    node.signal(signal.SIGTERM)
    await eventually(lambda: _is_draining(node))
    begun.unlink()
    assert node.ended() == 0
    await node.gone()
    again = start_node(**FAR)
    assert (await again.job(job))["status"] == "successful"
    assert (await again.job(job))["attempt"] == 1


async def test_a_drain_says_what_it_waits_for_and_that_it_is_over(
    start_node: Nodes, begun: Path
) -> None:
    """A person is watching; and numbers are said as people say them."""
    node = start_node(NODE__DRAIN_S=0.1, NODE__WORKERS=1)
    assert "1 worker, " in node.ready_line
    await node.submit("wait", {"file": str(begun)})
    await eventually(begun.exists)
    assert node.drain() == 0
    assert node.process.stdout is not None
    assert node.process.stdout.read().splitlines() == [
        "draining: 1 running job gets 0.1 s; again to end at once",
        "drained",
    ]


async def test_a_job_that_outlasts_the_drain_runs_again_without_counting_as_lost(
    start_node: Nodes, begun: Path
) -> None:
    """It goes back to the queue, and the next node, here the same, runs it."""
    node = start_node(NODE__DRAIN_S=0.1, NODE__LOSSES_MAX=1, ABORT__GRACE_S=60, **FAR)
    job = await node.submit("wait", {"file": str(begun)})
    await eventually(begun.exists)
    assert node.drain() == 0
    await node.gone()
    assert begun.read_text() == "unwound"
    begun.unlink()
    again = start_node(NODE__LOSSES_MAX=1, **FAR)
    await eventually(begun.exists)
    found = await again.job(job)
    assert (found["status"], found["attempt"]) == ("running", 2)


async def test_a_second_signal_ends_the_node_at_once_with_all_its_processes(
    start_node: Nodes, begun: Path
) -> None:
    """Ctrl-C twice is meant so; the jobs are recovered later."""
    node = start_node(NODE__DRAIN_S=600, **FAR)
    job = await node.submit("stubborn", {"file": str(begun)})
    await eventually(begun.exists)
    node.signal(signal.SIGINT)
    await eventually(lambda: _is_draining(node))
    await insists(node, signal.SIGINT)
    assert node.ended() == 128 + signal.SIGINT
    await node.gone()
    begun.unlink()
    again = start_node(**FAR)
    await eventually(begun.exists)
    assert (await again.job(job))["attempt"] == 2


@pytest.mark.parametrize("job", ["until", None], ids=["a job runs", "idle"])
async def test_a_signal_that_comes_twice_within_a_moment_is_one(
    start_node: Nodes, begun: Path, job: str | None
) -> None:
    """`timeout` of coreutils signals its child, and then the group; an idle node is soon done."""
    node = start_node(NODE__WORKERS=1)
    if job is not None:
        await node.submit(job, {"file": str(begun)})
        await eventually(begun.exists)
    node.signal(signal.SIGTERM)
    assert node.process.stdout is not None
    assert node.process.stdout.readline().startswith("draining: ")
    node.signal(signal.SIGTERM)
    begun.unlink(missing_ok=True)
    assert node.ended() == 0
    await node.gone()


async def test_a_killed_node_leaves_nothing_running_and_its_jobs_run_again(
    start_node: Nodes, begun: Path
) -> None:
    """The warden ends the trees; the store has the jobs."""
    node = start_node(**FAR)
    tree = await node.submit("children", {"file": str(begun)})
    await eventually(begun.exists)
    queued = [await node.submit("digest", {"file": f"{begun}{i}"}) for i in range(3)]
    node.kill()
    await node.gone()
    begun.unlink()
    again = start_node(**FAR)
    await eventually(begun.exists)
    assert (await again.job(tree))["attempt"] == 2
    for job in (tree, *queued):
        assert (await again.abort(job, "grace_s=0&wait=30"))[0] == 200


async def test_processes_that_outlived_node_and_warden_end_when_the_node_starts_again(
    start_node: Nodes, begun: Path
) -> None:
    """The worst case: nothing was left to clean up."""
    node = start_node(**FAR)
    await node.submit("children", {"file": str(begun)})
    await eventually(begun.exists)
    node.signal(signal.SIGSTOP)  # else it would start another warden
    for pid in node.processes():
        if b"scheduler.processes.warden" in proc_file(pid, "cmdline"):
            os.kill(pid, signal.SIGKILL)
    node.kill()
    assert node.processes()
    again = start_node(**FAR)
    await node.gone()
    assert (await again.outcome("echo", 1))["status"] == "successful"


async def test_a_job_whose_node_dies_every_time_is_given_up(start_node: Nodes, begun: Path) -> None:
    """Else it would prevent the installation from ever running again."""
    for losses in (1, 2):
        node = start_node(NODE__LOSSES_MAX=2, **FAR)
        if losses == 1:
            job = await node.submit("wait", {"file": str(begun)})
        await eventually(begun.exists)
        begun.unlink()
        node.kill()
        await node.gone()
    last = start_node(NODE__LOSSES_MAX=2, **FAR)
    found = await last.job(job, wait_s=60)
    assert (found["status"], found["error"]["kind"]) == ("terminated", "lost")
    assert not begun.exists()


async def insists(node: Node, signal_: signal.Signals) -> None:
    """Send a signal until the node has ended: one that comes soon after the first is the same."""

    def sent() -> bool:
        node.signal(signal_)
        return node.process.poll() is not None

    await eventually(sent)


async def _is_draining(node: Node) -> bool:
    status, answer = await node.call("GET", "/-/ready")
    return status == 503 and "draining" in str(answer)

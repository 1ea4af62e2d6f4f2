"""Handlers that are loaded anew while the node runs: by SIGHUP, and on every save."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tests.support.effort import rounds
from tests.support.eventually import eventually
from tests.support.handlers.folders import Files, lay_out, serving
from tests.support.nodes import END_S, ROOT, Body, Node
from tests.support.servers.redis import RedisServer

LOADED, NOT_LOADED = '"the handlers are loaded anew"', "the handlers are not loaded anew"
FILES = 'files = Path(os.environ["SCHEDULER_HANDLERS__FILES_DIR"])'
VERSIONED = f"""
    import os, time
    from pathlib import Path
    from scheduler import handler

    {FILES}

    def undo(data, job):
        (files / f"undone-{{job.id}}").write_text("VERSION")

    @handler("version")
    def version(data):
        return "VERSION"

    @handler("hold", on_abort=undo)
    def hold(data, job):
        (files / f"begun-{{job.id}}").touch()
        while not (files / "go").exists():
            time.sleep(0.01)
        return "VERSION"
"""


def version(number: int) -> Files:
    """A file whose handlers return this number."""
    return {"versioned.py": dedent(VERSIONED).replace("VERSION", str(number))}


def handlers_of(node: Node) -> Path:
    return node.folder.parent / "handlers"


async def load(node: Node, files: Files | None = None, *, said: str = LOADED) -> str:
    """Write files, send SIGHUP, and wait until the log says that it is done; the line."""
    if files is not None:
        lay_out(handlers_of(node), files)
    before = node.log.count(said)
    node.signal(signal.SIGHUP)
    await eventually(lambda: node.log.count(said) > before, within_s=60, saying=said)
    return [line for line in node.log.splitlines() if said in line][-1]


async def began(node: Node) -> Body:
    """A job that runs until it may go on."""
    job = await node.submit("hold")
    await eventually((node.folder / "files" / f"begun-{job['id']}").exists)
    return job


def has_loaded(node: Node, *, times: int) -> bool:
    return node.log.count(LOADED) == times


def go_on(node: Node) -> None:
    (node.folder / "files" / "go").touch()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with serving(tmp_path, version(1), HANDLERS__UNKNOWN_WAIT_S=0) as node:
        yield node


async def test_new_jobs_run_the_new_code_and_running_ones_go_on(node: Node) -> None:
    """A deployment of handlers stops nothing."""
    job = await began(node)
    assert (await node.outcome("version"))["result"] == "1"

    line = await load(node, version(2))

    assert '"handlers":2' in line
    assert [(await node.outcome("version"))["result"] for _ in range(5)] == ["2"] * 5
    assert (await node.job(job))["status"] == "running"
    go_on(node)
    ended = await node.job(job, wait_s=30)
    assert (ended["status"], ended["result"], ended["attempt"]) == ("successful", "1", 1)
    assert (await node.outcome("hold"))["result"] == "2"
    await node.alone()  # the old fork server has ended with its last process


async def test_a_file_that_does_not_load_changes_nothing_and_is_told(node: Node) -> None:
    """With the file and the line; whatever the mistake is."""
    mistakes = {
        "import nothing_like_this\n": "ModuleNotFoundError",
        "def broken(:\n": "SyntaxError",
        "import os\nos._exit(3)\n": "no pool process comes up",
        "from scheduler import handler\n@handler('version')\ndef again(data): ...\n": "already at",
    }
    for text, told in mistakes.items():
        line = await load(node, {"wrong.py": text}, said=NOT_LOADED)
        assert told in line
        assert '"level":"error"' in line
        if "no pool" not in told:
            assert f"{handlers_of(node)}/wrong.py:" in line
        assert (await node.outcome("version"))["result"] == "1"
    await node.alone()
    (handlers_of(node) / "wrong.py").unlink()
    await load(node, version(2))
    assert (await node.outcome("version"))["result"] == "2"


async def test_a_folder_that_is_gone_changes_nothing(node: Node) -> None:
    handlers_of(node).rename(handlers_of(node).with_name("elsewhere"))
    line = await load(node, said=NOT_LOADED)
    assert "there is no such folder" in line
    assert (await node.outcome("version"))["result"] == "1"


async def test_handlers_come_and_go(node: Node) -> None:
    """Also for those who list them, and for jobs that wait for one that is gone."""
    running = [await began(node) for _ in range(node.workers)]
    waiting = await node.submit("version")
    new = "from scheduler import handler\n@handler('new', timeout_s=7)\ndef new(data): return 7\n"
    held = dedent(VERSIONED).replace('"version"', '"renamed"')

    line = await load(node, {"new.py": new, "versioned.py": held})

    assert '"added":["new","renamed"],"removed":["version"]' in line
    status, tasks = await node.call("GET", "/-/tasks")
    assert (status, [each["name"] for each in tasks]) == (200, ["hold", "new", "renamed"])
    _, (there,) = await node.call("GET", "/-/nodes")
    assert there["tasks"] == ["hold", "new", "renamed"]
    status, problem = await node.call("POST", "/", {"uid": "u1", "task": "version"})
    assert status == 400
    assert "this node loaded its handlers at 20" in problem["detail"]
    go_on(node)
    ended = await node.job(waiting, wait_s=30)
    assert (ended["status"], ended["error"]["kind"]) == ("terminated", "unknown_task")
    assert "loaded its handlers at 20" in ended["error"]["message"]
    assert [(await node.job(job, wait_s=30))["status"] for job in running] == ["successful"] * 2
    assert (await node.outcome("new"))["result"] == 7


async def test_an_abort_after_a_load_ends_the_old_process_and_undoes_with_new_code(
    node: Node,
) -> None:
    """The process is dead by then: its code is nowhere any more."""
    job = await began(node)
    await load(node, version(2))
    status, aborted = await node.abort(job)
    assert (status, aborted["status"], aborted["abort"]["survivors"]) == (200, "aborted", 0)
    undone = node.folder / "files" / f"undone-{job['id']}"
    await eventually(undone.exists)
    await eventually(lambda: undone.read_text() == "2")
    await node.alone()


async def test_what_a_job_of_an_old_process_leaves_behind_is_ended(
    tmp_path: Path,
) -> None:
    """It is below the old fork server, which goes on as long as there is something below it."""
    leaving = """
        import os, signal, subprocess, time
        from scheduler import handler

        @handler("leave")
        def leave(data):
            subprocess.Popen(["sleep", "1000"], start_new_session=True)
            open(data, "w").close()
            while os.path.exists(data):
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGKILL)
    """
    with serving(tmp_path, {"leaving.py": leaving}) as node:
        file = tmp_path / "begun"
        job = await node.submit("leave", str(file))
        await eventually(file.exists)
        await load(node)
        file.unlink()
        assert (await node.job(job, wait_s=30))["error"]["kind"] == "crash"
        await node.alone()


async def test_an_abort_does_not_wait_for_packages_that_take_long(tmp_path: Path) -> None:
    """The new fork server imports them before it forks anything; the old one goes on meanwhile."""
    began_at = tmp_path / "imported"
    slow = f"import time\nopen({str(began_at)!r}, 'w').close()\ntime.sleep(1000)\n"
    with serving(tmp_path, version(1), packages={"slow_package.py": slow}) as node:
        job = await began(node)
        lay_out(handlers_of(node), {"uses.py": "import slow_package\n"})
        node.signal(signal.SIGHUP)
        await eventually(began_at.exists)
        status, aborted = await node.abort(job, "grace_s=0&wait=30")
        assert (status, aborted["status"]) == (200, "aborted")
        assert aborted["abort"]["latency_ms"] < 20_000
        assert (await node.outcome("version"))["result"] == "1"
        assert (await node.abort(await began(node), "grace_s=0&wait=30"))[0] == 200


async def test_two_signals_at_once_are_enough_for_what_was_saved_between_them(node: Node) -> None:
    lay_out(handlers_of(node), version(2))
    node.signal(signal.SIGHUP)
    lay_out(handlers_of(node), version(3))
    node.signal(signal.SIGHUP)

    async def is_new() -> bool:
        return bool((await node.outcome("version"))["result"] == "3")

    await eventually(is_new)


async def test_a_node_drains_at_once_while_a_file_waits_for_ever(node: Node) -> None:
    """And what is below the file ends with it."""
    file = node.folder / "imported"
    text = f"import time\nopen({str(file)!r}, 'w').close()\ntime.sleep(1000)\n"
    lay_out(handlers_of(node), {"waits.py": text})
    node.signal(signal.SIGHUP)
    await eventually(file.exists)
    assert (await node.outcome("version"))["result"] == "1"
    node.signal(signal.SIGTERM)
    node.signal(signal.SIGHUP)
    assert node.ended() == 0
    await node.gone()


async def test_a_killed_node_leaves_nothing_of_two_generations(node: Node) -> None:
    """The warden ends what is below each fork server."""
    await began(node)
    await load(node, version(2))
    await began(node)
    node.kill()
    await node.gone()


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return request.getfixturevalue("postgres_url") if name == "postgresql" else name


async def test_nothing_is_lost_or_run_twice_while_handlers_are_loaded_under_load(
    tmp_path: Path, store_url: str
) -> None:
    """And whoever submits after the line that says so gets the new code."""
    settings: dict[str, Any] = {"NODE__WORKERS": 3, "STORE__URL": store_url}
    counted = f"""
        import os, time
        from pathlib import Path
        from scheduler import handler

        {FILES}

        @handler("count")
        def count(data, job):
            with (files / "ran").open("a") as ran:
                ran.write(f"{{job.id}}\\n")
            time.sleep(data)
            return VERSION
    """
    loads, jobs, late = rounds(3, long=6), list[Body](), list[tuple[int, Body]]()
    with serving(tmp_path, {"counted.py": counted.replace("VERSION", "0")}, **settings) as node:
        aborted = set[str]()
        for number in range(1, loads + 1):
            many = [{"uid": "u1", "task": "count", "data": 0}] * rounds(100, long=200)
            jobs += (await node.call("POST", "/", many))[1]
            for _ in range(6):
                jobs.append(await node.submit("count", 0.3))
                status, _ = await node.abort(jobs[-1], "grace_s=0")
                aborted |= {jobs[-1]["id"]} if status in {200, 202} else set()
            options = f'"count", timeout_s={60 + number}' if number % 2 else '"count"'
            text = dedent(counted).replace("VERSION", str(number)).replace('"count"', options)
            await load(node, {"counted.py": text})
            late.append((number, await node.submit("count", 0)))
        ends = [await node.job(job, wait_s=60) for job in jobs]
        for number, job in late:
            assert (await node.job(job, wait_s=60))["result"] >= number  # or of a later load
        ran = (node.folder / "files" / "ran").read_text().split()
        assert len(ran) == len(set(ran))
        for job in ends:
            assert job["status"] == ("aborted" if job["id"] in aborted else "successful"), job
            assert job["attempt"] <= 1
        assert {job["id"] for job in ends if job["status"] == "successful"} <= set(ran)
        await node.alone()


async def test_a_node_that_does_not_have_a_new_handler_yet_leaves_its_jobs_to_others(
    tmp_path: Path, postgres_url: str, redis_server: RedisServer, namespace: str
) -> None:
    """Nodes are told one after the other; meanwhile a job may come to any of them."""
    shared: dict[str, Any] = {
        "STORE__URL": postgres_url,
        "QUEUE__URL": redis_server.url,
        "QUEUE__NAMESPACE": namespace,
        "NODE__WORKERS": 1,
    }
    new = "from scheduler import handler\n@handler('new')\ndef new(data): return 7\n"
    with (
        serving(tmp_path / "a", version(1), NODE__NAME="a", **shared) as a,
        serving(tmp_path / "b", version(1), NODE__NAME="b", **shared),
    ):
        await load(a, {"new.py": new})
        jobs = [await a.submit("new") for _ in range(10)]
        ends = [await a.job(job, wait_s=60) for job in jobs]
        assert {(job["status"], job["node"]) for job in ends} == {("successful", "a")}


async def test_with_reload_every_save_is_loaded(tmp_path: Path) -> None:
    """While somebody writes a handler."""
    with serving(tmp_path, version(1), environment={"ATLANSCHEDULER_RELOAD": "1"}) as node:
        for number in (2, 3):
            lay_out(handlers_of(node), version(number))
            await eventually(partial(has_loaded, node, times=number - 1), within_s=60)
            assert (await node.outcome("version"))["result"] == str(number)
        lay_out(handlers_of(node), {"versioned.py": "def broken(:"})
        await eventually(lambda: NOT_LOADED in node.log, within_s=60)
        assert "versioned.py:1: the handler file does not import" in node.log
        assert (await node.outcome("version"))["result"] == "3"
        assert node.drain() == 0
        await node.gone()


@contextmanager
def in_terminal(folder: Path, *prefix: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A node in a terminal of its own, and the screen; it is ready."""
    screen, terminal = os.openpty()
    become = "import os, sys; os.open(sys.argv[1], os.O_RDWR); os.execvp(sys.argv[2], sys.argv[2:])"
    command = [*prefix, sys.executable, str(ROOT / "main.py")]
    settings = {"HTTP__PORT": "0", "HANDLERS__PATH": str(lay_out(folder / "handlers", version(1)))}
    with (folder / "node.log").open("wb") as log:
        node = subprocess.Popen(
            [sys.executable, "-c", become, os.ttyname(terminal), *command],
            cwd=folder,
            env={**os.environ, **{f"SCHEDULER_{key}": each for key, each in settings.items()}},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
    os.close(terminal)
    assert node.stdout is not None
    try:
        assert "is ready" in node.stdout.readline()
        yield node, screen
    finally:
        node.terminate()
        node.wait(END_S)
        node.stdout.close()


def _log(folder: Path) -> str:
    return (folder / "node.log").read_text()


def test_a_node_whose_terminal_is_closed_drains(tmp_path: Path) -> None:
    """But not before: SIGHUP from another window loads its handlers anew."""
    with in_terminal(tmp_path) as (node, screen):
        node.send_signal(signal.SIGHUP)
        asyncio.run(eventually(lambda: LOADED in _log(tmp_path), within_s=60))
        os.close(screen)
        assert node.wait(END_S) == 0
        assert node.stdout is not None
        assert node.stdout.read().endswith("drained\n")


def test_a_node_that_nohup_started_outlives_its_terminal(tmp_path: Path) -> None:
    """And SIGHUP loads its handlers anew all the same."""
    with in_terminal(tmp_path, "nohup") as (node, screen):
        os.close(screen)
        asyncio.run(eventually(lambda: LOADED in _log(tmp_path), within_s=60))
        node.send_signal(signal.SIGHUP)
        asyncio.run(eventually(lambda: _log(tmp_path).count(LOADED) == 2, within_s=60))
        assert node.poll() is None

"""An abort in the middle of a library: the library cleans up, and its caller as well.

Each handler here touches a file when it begins to wait, and writes into it how it ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from textwrap import indent

import pytest

from scheduler import JobAborted
from tests.support.eventually import eventually
from tests.support.handlers.folders import serving
from tests.support.nodes import Body, Node
from tests.support.process_table import proc_file

HEAD = """\
import asyncio, concurrent.futures, gc, queue, select, selectors, signal, socket, sqlite3
import subprocess, sys, threading, time, weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from scheduler import JobAborted, handler
"""
PLAIN = """

@handler("{0}")
def _{0}(data):
    path = Path(data)
    try:
        path.write_text({2!r})
{1}
    finally:
        path.write_text(path.read_text() + " unwound")
"""

CHILDREN = {
    "run": "subprocess.run(['sleep', '60'])",
    "run_captured": "subprocess.run(['sleep', '60'], capture_output=True)",
    "run_timeout": "subprocess.run(['sleep', '60'], timeout=60)",
    "call": "subprocess.call(['sleep', '60'])",
    "check_output": "subprocess.check_output(['sleep', '60'], text=True)",
    "popen_wait": "subprocess.Popen(['sleep', '60']).wait()",
    "popen_wait_timeout": "subprocess.Popen(['sleep', '60']).wait(timeout=60)",
    "communicate": "subprocess.Popen(['sleep', '60'], stdout=subprocess.PIPE).communicate()",
    "popen_with": "with subprocess.Popen(['sleep', '60']) as child: child.wait()",
}
"""What waits for a program."""

WAITS = {
    "sleep": "time.sleep(3600)",
    "queue_get": "queue.Queue().get()",
    "simple_queue": "queue.SimpleQueue().get()",
    "queue_timeout": "queue.Queue().get(timeout=3600)",
    "lock": "lock = threading.Lock()\nlock.acquire()\nlock.acquire()",
    "event": "threading.Event().wait()",
    "condition": "c = threading.Condition()\nwith c: c.wait()",
    "join": "t = threading.Thread(target=time.sleep, args=(60,), daemon=True)\nt.start()\nt.join()",
    "future": "concurrent.futures.Future().result()",
    "wait_futures": "concurrent.futures.wait([concurrent.futures.Future()])",
    "select": "a, b = socket.socketpair()\nselect.select([a], [], [])",
    "receive": "a, b = socket.socketpair()\na.recv(1)",
    "accept": "socket.create_server(('127.0.0.1', 0)).accept()",
    "sigwait": "signal.pause()",
    "loop": "while True:\n    path.name",
    "except_exception": (
        "while True:\n    try:\n        time.sleep(0.001)\n        raise ValueError\n"
        "    except Exception:\n        pass"
    ),
    "suppressing_errors": (
        "from contextlib import suppress\nwhile True:\n    with suppress(Exception):\n"
        "        time.sleep(0.01)"
    ),
    "generator": "def g():\n    while True: yield time.sleep(0.01)\nfor _ in g(): pass",
    "sort": "while True: sorted(range(2000), key=lambda n: -n)",
}
"""What blocks, or goes on for ever, in the handler's own thread."""

KNOWN = {
    "cancels": (
        "try:\n    time.sleep(3600)\nexcept KeyboardInterrupt:\n"
        "    path.write_text('cancelled')\n    raise"
    ),
    "base_or_interrupt": (
        "try:\n    time.sleep(3600)\nexcept (KeyboardInterrupt, SystemExit):\n"
        "    path.write_text('cancelled')\n    raise"
    ),
    "by_its_name": (
        "try:\n    time.sleep(3600)\nexcept JobAborted:\n"
        "    path.write_text('cancelled')\n    raise"
    ),
    "asks": (
        "try:\n    time.sleep(3600)\nexcept BaseException as error:\n"
        "    if isinstance(error, KeyboardInterrupt): path.write_text('cancelled')\n    raise"
    ),
    "sqlite": (
        "db = sqlite3.connect(':memory:')\n"
        "endless = 'WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)'\n"
        "db.set_progress_handler(lambda: time.sleep(0), 1000)\n"
        "try:\n    db.execute(endless + ' SELECT max(x) FROM n').fetchone()\n"
        "finally:\n    path.write_text('cancelled')"
    ),
}
"""What a library does on the interrupt that it knows."""

LOOPS = {
    "asyncio_run": "asyncio.run(main(path))",
    "asyncio_runner": "with asyncio.Runner() as runner: runner.run(main(path))",
    "asyncio_busy": "asyncio.run(busy(path))",
    "asyncio_gather": "asyncio.run(gathered(path))",
    "asyncio_gather_busy": "asyncio.run(gathered_busy(path))",
    "asyncio_group": "asyncio.run(grouped(path))",
    "asyncio_thread": "asyncio.run(threaded(path))",
    "uvloop_run": "import uvloop\nuvloop.run(main(path))",
    "uvloop_busy": "import uvloop\nuvloop.run(busy(path))",
    "uvloop_gather": "import uvloop\nuvloop.run(gathered(path))",
    "uvloop_gather_busy": "import uvloop\nuvloop.run(gathered_busy(path))",
}
COROUTINES = """

async def main(path):
    try:
        path.write_text("begun")
        await asyncio.sleep(3600)
    finally:
        await asyncio.sleep(0)
        path.write_text(path.read_text() + " inside")

async def busy(path):
    try:
        path.write_text("begun")
        while True:
            await asyncio.sleep(0)
    finally:
        path.write_text(path.read_text() + " inside")

async def gathered(path):
    await asyncio.gather(main(path), asyncio.sleep(3600), return_exceptions=True)
    await asyncio.sleep(3600)

async def gathered_busy(path):
    await asyncio.gather(busy(path), asyncio.sleep(3600), return_exceptions=True)
    await asyncio.sleep(3600)

async def member(path):
    # Without an await in it: a group that is cancelled cancels its tasks once more.
    try:
        path.write_text("begun")
        await asyncio.sleep(3600)
    finally:
        path.write_text(path.read_text() + " inside")

async def grouped(path):
    async with asyncio.TaskGroup() as group:
        group.create_task(member(path))
        group.create_task(asyncio.sleep(3600))

async def threaded(path):
    try:
        path.write_text("begun")
        await asyncio.to_thread(time.sleep, 0.5)
        await asyncio.sleep(3600)
    finally:
        path.write_text(path.read_text() + " inside")
"""
ASYNC = """

@handler("async_gather")
async def async_gather(data):
    await gathered(Path(data))

@handler("async_gather_busy")
async def async_gather_busy(data):
    await gathered_busy(Path(data))

@handler("async_group")
async def async_group(data):
    await grouped(Path(data))
"""

SWALLOWED = {
    "del": "class Slow:\n    def __del__(self): dwell(path)\nSlow()\nfor_ever(path)",
    "weakref": (
        "class Plain: pass\nit = Plain()\nr = weakref.ref(it, lambda _: dwell(path))\ndel it\n"
        "for_ever(path)"
    ),
    "finalize": (
        "class Plain: pass\nit = Plain()\nweakref.finalize(it, dwell, path)\ndel it\nfor_ever(path)"
    ),
    "collector": (
        "class Slow:\n    def __del__(self): dwell(path)\nit = Slow()\nit.me = it\ndel it\n"
        "gc.collect()\nfor_ever(path)"
    ),
    "collector_callback": (
        "seen = []\ndef noted(phase, _):\n    if not seen: seen.append(1); dwell(path)\n"
        "gc.callbacks.append(noted)\ntry: gc.collect()\nfinally: gc.callbacks.remove(noted)\n"
        "for_ever(path)"
    ),
    "generator_close": (
        "def g():\n    try: yield\n    finally: dwell(path)\nit = g()\nnext(it)\ndel it\n"
        "for_ever(path)"
    ),
    "c_callback": (
        "import ctypes\nCALL = ctypes.CFUNCTYPE(None)\ncall = CALL(lambda: dwell(path))\ncall()\n"
        "for_ever(path)"
    ),
}
"""Where Python itself drops the exception that was raised inside."""

DWELLING = """

def dwell(path):
    path.write_text("inside")
    until = time.monotonic() + 0.7
    while time.monotonic() < until:
        time.sleep(0.01)

def for_ever(path):
    while True:
        time.sleep(0.01)
"""
CLEANING = """

@handler("cleans_long")
def cleans_long(data):
    path = Path(data)
    path.write_text("begun")
    try:
        time.sleep(3600)
    finally:
        until = time.monotonic() + 1
        while time.monotonic() < until:
            time.sleep(0.01)
        path.write_text("cleaned up")

@handler("cleans_in_handler")
def cleans_in_handler(data):
    path = Path(data)
    path.write_text("begun")
    try:
        time.sleep(3600)
    except KeyboardInterrupt:
        time.sleep(1)
        path.write_text("cleaned up")
        raise

@handler("cleans_async")
async def cleans_async(data):
    path = Path(data)
    path.write_text("begun")
    try:
        await asyncio.sleep(3600)
    finally:
        for _ in range(10):
            await asyncio.sleep(0.1)
        path.write_text("cleaned up")

@handler("cleans_in_except_async")
async def cleans_in_except_async(data):
    path = Path(data)
    path.write_text("begun")
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        for _ in range(10):
            await asyncio.sleep(0.1)
        path.write_text("cleaned up")
        raise

@handler("thread_pool")
def thread_pool(data):
    path = Path(data)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(time.sleep, 3600)
        path.write_text("begun")
        future.result()
"""


def _plain(kinds: dict[str, str], begun: str = "begun") -> str:
    """A handler for each; where `begun` is empty, it says itself when it has begun."""
    return "".join(PLAIN.format(name, indent(text, " " * 8), begun) for name, text in kinds.items())


FILES = {
    "children.py": HEAD + _plain(CHILDREN),
    "waits.py": HEAD + _plain(WAITS) + _plain(KNOWN),
    "loops.py": HEAD + COROUTINES + _plain(LOOPS, "") + ASYNC,
    "swallowed.py": HEAD + DWELLING + _plain(SWALLOWED, "") + CLEANING,
}
ASYNC_KINDS = ["async_gather", "async_gather_busy", "async_group"]


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node whose jobs wait in all kinds of libraries."""
    with serving(tmp_path_factory.mktemp("interrupted"), FILES) as node:
        yield node


async def aborted(node: Node, task: str, begun: Path, query: str = "grace_s=20&wait=40") -> Body:
    """Abort a job of this handler once it waits; the receipt."""
    begun.unlink(missing_ok=True)
    job = await node.submit(task, str(begun))
    await eventually(lambda: begun.exists() and begun.read_text())
    if task in CHILDREN:
        await eventually(lambda: any(_is_sleep(pid) for pid in node.processes()))
    status, job = await node.abort(job, query)
    assert (status, job["status"]) == (200, "aborted"), job
    assert job["abort"]["survivors"] == 0
    return job["abort"]


def _is_sleep(pid: int) -> bool:
    return proc_file(pid, "cmdline").startswith(b"sleep")


def test_an_abort_is_an_interrupt_that_libraries_know() -> None:
    """They cancel a query, end a child or close a loop on KeyboardInterrupt only."""
    assert issubclass(JobAborted, KeyboardInterrupt)
    assert not issubclass(JobAborted, Exception)


@pytest.mark.parametrize("kind", CHILDREN)
async def test_a_job_that_waits_for_a_program_unwinds_at_once(
    interrupted: Node, begun: Path, kind: str
) -> None:
    """On an interrupt from the keyboard a library gives its child a moment, since it got the same.

    The child of a job got nothing: such a wait is in vain. The best of some, for a busy machine.
    """
    latencies: list[int] = []
    while len(latencies) < 3 and min(latencies, default=1000) >= 200:
        receipt = await aborted(interrupted, kind, begun)
        assert begun.read_text() == "begun unwound"
        latencies.append(receipt["latency_ms"])
    assert min(latencies) < 200


@pytest.mark.parametrize("kind", WAITS)
async def test_a_job_that_waits_or_works_unwinds(interrupted: Node, begun: Path, kind: str) -> None:
    """Wherever the interpreter can be interrupted, it is."""
    receipt = await aborted(interrupted, kind, begun)
    assert receipt["signal"] == "SIGTERM"
    assert receipt["latency_ms"] < 5000
    assert begun.read_text() == "begun unwound"


@pytest.mark.parametrize("kind", KNOWN)
async def test_a_library_cancels_what_it_began(interrupted: Node, begun: Path, kind: str) -> None:
    """Else a query runs on, with its locks, for jobs to come to wait for."""
    receipt = await aborted(interrupted, kind, begun)
    assert receipt["signal"] == "SIGTERM"
    assert begun.read_text() == "cancelled unwound"


@pytest.mark.parametrize("kind", LOOPS)
async def test_coroutines_of_a_plain_handler_unwind(
    interrupted: Node, begun: Path, kind: str
) -> None:
    """Their own `finally` runs before that of the handler."""
    receipt = await aborted(interrupted, kind, begun)
    assert begun.read_text() == "begun inside unwound"
    assert receipt["signal"] == "SIGTERM"
    assert receipt["latency_ms"] < 5000


@pytest.mark.parametrize("kind", ASYNC_KINDS)
async def test_coroutines_of_an_async_handler_unwind(
    interrupted: Node, begun: Path, kind: str
) -> None:
    """Also those whose exceptions are returned and not raised."""
    receipt = await aborted(interrupted, kind, begun)
    assert begun.read_text() == "begun inside"
    assert receipt["signal"] == "SIGTERM"


@pytest.mark.parametrize("kind", SWALLOWED)
async def test_an_abort_is_not_lost_where_its_exception_is(
    interrupted: Node, begun: Path, kind: str
) -> None:
    """Python ignores what is raised in a finalizer; the handler after it is still interrupted."""
    receipt = await aborted(interrupted, kind, begun)
    assert receipt["signal"] == "SIGTERM"
    assert begun.read_text() == "inside unwound"


@pytest.mark.parametrize(
    "kind", ["cleans_long", "cleans_in_handler", "cleans_async", "cleans_in_except_async"]
)
async def test_a_long_clean_up_is_not_interrupted(
    interrupted: Node, begun: Path, kind: str
) -> None:
    """A second exception would break what the first began."""
    receipt = await aborted(interrupted, kind, begun)
    assert begun.read_text() == "cleaned up"
    assert receipt["signal"] == "SIGTERM"


async def test_a_pool_of_threads_that_waits_for_them_ends_with_the_grace_period(
    interrupted: Node, begun: Path
) -> None:
    """A thread cannot be interrupted: its process is killed."""
    receipt = await aborted(interrupted, "thread_pool", begun, "grace_s=0.5&wait=30")
    assert receipt["signal"] == "SIGKILL"

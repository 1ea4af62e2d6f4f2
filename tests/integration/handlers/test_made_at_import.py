"""What a file makes when it is loaded is made in the process that runs the job.

A thread does not survive a fork, and a connection or a random generator is shared by all that are
forked after it was made.
"""

from __future__ import annotations

import asyncio
import socketserver
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tests.support.handlers.folders import serving
from tests.support.nodes import Node

THREADS = {
    "pool": """
        from concurrent.futures import ThreadPoolExecutor
        P = ThreadPoolExecutor(1)
        P.submit(int).result()
        def work(x): return P.submit(abs, x).result(timeout=5)
    """,
    "initialized": """
        from concurrent.futures import ThreadPoolExecutor
        import threading
        LOCAL = threading.local()
        def begin(offset): LOCAL.offset = offset
        P = ThreadPoolExecutor(1, initializer=begin, initargs=(1,))
        def add(x): return x + LOCAL.offset
        assert P.submit(add, 1).result() == 2
        def work(x): return P.submit(add, -x - 1).result(timeout=5)
    """,
    "unused_pool": """
        from concurrent.futures import ThreadPoolExecutor
        P = ThreadPoolExecutor(1)
        def work(x): return P.submit(abs, x).result(timeout=5)
    """,
    "daemon": """
        import queue, threading
        ASKED, ANSWERED = queue.Queue(), queue.Queue()
        def serve():
            while True:
                ANSWERED.put(-ASKED.get())
        threading.Thread(target=serve, daemon=True).start()
        def work(x):
            ASKED.put(x)
            return ANSWERED.get(timeout=5)
    """,
    "timer": """
        import threading
        RUNG = threading.Event()
        TIMER = threading.Timer(0.5, RUNG.set)
        TIMER.daemon = True
        TIMER.start()
        def work(x):
            assert RUNG.wait(5), "the timer does not run here"
            return -x
    """,
    "raw": """
        import _thread, queue
        ASKED, ANSWERED = queue.SimpleQueue(), queue.SimpleQueue()
        def serve():
            while True:
                ANSWERED.put(-ASKED.get())
        _thread.start_new_thread(serve, ())
        def work(x):
            ASKED.put(x)
            return ANSWERED.get(timeout=5)
    """,
    "loop": """
        import asyncio, threading
        LOOP = asyncio.new_event_loop()
        threading.Thread(target=LOOP.run_forever, daemon=True).start()
        async def negative(x): return -x
        def work(x): return asyncio.run_coroutine_threadsafe(negative(x), LOOP).result(5)
    """,
    "imported": """
        import library_with_thread
        def work(x): return library_with_thread.ask(x)
    """,
    "locked": """
        import threading
        LOCK, HELD = threading.Lock(), threading.Event()
        def hold():
            with LOCK:
                HELD.set()
                threading.Event().wait(0.2)
        threading.Thread(target=hold, daemon=True).start()
        HELD.wait()
        def work(x):
            assert LOCK.acquire(timeout=5), "nobody will ever release it here"
            LOCK.release()
            return -x
    """,
}
LIBRARY_WITH_THREAD = """
    from concurrent.futures import ThreadPoolExecutor
    _executor = ThreadPoolExecutor(1)
    _executor.submit(int).result()
    def ask(x): return _executor.submit(abs, x).result(timeout=5)
"""

GENERATORS = {
    "random_object": "import random\nR = random.Random()\ndef draw(): return R.random()",
    "random_imported": "from random import Random\n_r = Random()\ndef draw(): return _r.random()",
    "random_attribute": (
        "import random\nclass Dice:\n    def __init__(self): self.r = random.Random()\n"
        "D = Dice()\ndef draw(): return D.r.random()"
    ),
    "random_default": "import random\ndef draw(r=random.Random()): return r.random()",
    "random_subclass": (
        "import random\nclass Mine(random.Random): pass\nR = Mine()\ndef draw(): return R.random()"
    ),
    "random_drawn": (
        "import random\nR = random.Random(random.random())\ndef draw(): return R.random()"
    ),
    "random_global": "import random\nrandom.random()\ndef draw(): return random.random()",
    "uuid_made": "import uuid\nID = uuid.uuid4()\ndef draw(): return ID.int / 2**128",
    "uuid_drawn": "import uuid\nuuid.uuid4()\ndef draw(): return str(uuid.uuid4())",
    "secret_made": "import secrets\nTOKEN = secrets.token_hex()\ndef draw(): return TOKEN",
    "temporary": (
        "import os, tempfile\nfrom pathlib import Path\nF, NAME = tempfile.mkstemp()\nos.close(F)\n"
        "Path(NAME).unlink()\ndef draw():\n"
        "    f, name = tempfile.mkstemp(); os.close(f); Path(name).unlink(); return name"
    ),
    "numpy_generator": (
        "import numpy\nG = numpy.random.default_rng()\ndef draw(): return float(G.random())"
    ),
    "numpy_global": (
        "import numpy\nnumpy.random.random()\ndef draw(): return float(numpy.random.random())"
    ),
}
if find_spec("numpy") is None:
    GENERATORS = {name: text for name, text in GENERATORS.items() if "numpy" not in name}

DRAWING = """

from scheduler import handler as _handler
import os as _os

@_handler("{0}")
def _draw(data):
    return [_os.getpid(), draw()]
"""

DESCRIPTORS = {
    "socket": """
        import os, socket
        S = socket.create_connection(("127.0.0.1", int(os.environ["ECHO_PORT"])))
        F = S.makefile("rwb")
        def ask(text):
            F.write(text.encode() + b"\\n")
            F.flush()
            return F.readline().decode().strip()
    """,
    "pair": """
        import socket
        A, B = socket.socketpair()
        def ask(text):
            A.sendall(text.encode())
            return B.recv(len(text)).decode()
    """,
    "pipe": """
        import os
        R, W = os.pipe()
        def ask(text):
            os.write(W, text.encode())
            return os.read(R, len(text)).decode()
    """,
    "file": """
        import tempfile
        F = tempfile.TemporaryFile("w+")
        def ask(text):
            F.seek(0)
            F.write(text)
            F.flush()
            F.seek(0)
            return F.read(len(text))
    """,
    "database": """
        import os, sqlite3, tempfile
        from pathlib import Path
        DB = sqlite3.connect(Path(tempfile.mkdtemp()) / "x.db", isolation_level=None, timeout=5)
        DB.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT)")
        def ask(text):
            DB.execute("BEGIN IMMEDIATE")
            row = DB.execute("INSERT INTO t (text) VALUES (?)", [text]).lastrowid
            DB.execute("COMMIT")
            return DB.execute("SELECT text FROM t WHERE id = ?", [row]).fetchone()[0]
    """,
    "loop": """
        import asyncio
        LOOP = asyncio.new_event_loop()
        async def answer(text):
            await asyncio.sleep(0)
            return text
        def ask(text):
            return LOOP.run_until_complete(answer(text))
    """,
    "imported": """
        import library_with_socket
        ask = library_with_socket.ask
    """,
}
LIBRARY_WITH_SOCKET = """
    import socket
    A, B = socket.socketpair()
    def ask(text):
        A.sendall(text.encode())
        return B.recv(len(text)).decode()
"""
ASKING = """
import os as _os, time as _time
from pathlib import Path as _Path
from scheduler import handler as _handler

_LOADED_BY = _os.getpid()

@_handler("ask_{0}", timeout_s=20)
def _ask(data):
    me = str(_os.getpid())
    (_Path(data) / me).touch()
    until = _time.monotonic() + 10
    while len(list(_Path(data).iterdir())) < 2 and _time.monotonic() < until:
        _time.sleep(0.005)
    wrong = [n for n in range(300) if ask(f"{{me}}:{{n:03}}") != f"{{me}}:{{n:03}}"]
    return [int(me), _LOADED_BY, wrong[:3]]
"""
WORKING = """

from scheduler import handler as _handler

@_handler("work_{0}", timeout_s=20)
def _work(data):
    return work(data)
"""


class Echo(socketserver.StreamRequestHandler):
    """Answers each line with the same line."""

    def handle(self) -> None:
        for line in self.rfile:
            self.wfile.write(line)


class EchoServer(socketserver.ThreadingTCPServer):
    daemon_threads = True


def files() -> dict[str, str]:
    """One file for each kind of thing that is made at import."""
    kinds = (
        ("work", THREADS, WORKING),
        ("draw", GENERATORS, DRAWING),
        ("ask", DESCRIPTORS, ASKING),
    )
    return {
        f"{verb}_{name}.py": dedent(text) + rest.format(name)
        for verb, texts, rest in kinds
        for name, text in texts.items()
    }


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node whose handlers make all kinds of things at import; each job has a new process."""
    packages = {
        "library_with_thread.py": LIBRARY_WITH_THREAD,
        "library_with_socket.py": LIBRARY_WITH_SOCKET,
    }
    with EchoServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with serving(
                tmp_path_factory.mktemp("maker"),
                files(),
                packages=packages,
                environment={"ECHO_PORT": str(server.server_address[1])},
                NODE__JOBS_PER_PROCESS=1,
            ) as node:
                yield node
        finally:
            server.shutdown()
            thread.join()


async def result(node: Node, task: str, data: object = None) -> Any:  # noqa: ANN401 - JSON
    job = await node.outcome(task, data)
    assert job["error"] is None, job["error"]["traceback"] or job["error"]
    return job["result"]


@pytest.mark.parametrize("kind", THREADS)
async def test_threads_that_a_file_starts_run_where_its_jobs_run(maker: Node, kind: str) -> None:
    """Whoever waits for one that did not survive a fork waits for ever."""
    for number in (-1, -2):
        assert await result(maker, f"work_{kind}", number) == -number


@pytest.mark.parametrize("kind", GENERATORS)
async def test_two_processes_do_not_draw_the_same(maker: Node, kind: str) -> None:
    """Equal numbers would be equal file names, tokens and samples, in all processes for ever."""
    drawn = [await result(maker, kind) for _ in range(3)]
    assert len({pid for pid, _ in drawn}) == 3, "the same process would prove nothing"
    assert len({value for _, value in drawn}) == 3, drawn


@pytest.mark.parametrize("kind", DESCRIPTORS)
async def test_two_processes_do_not_share_what_a_file_has_opened(
    maker: Node, kind: str, tmp_path: Path
) -> None:
    """Each would read answers that are meant for the other."""
    async with asyncio.TaskGroup() as group:
        jobs = [group.create_task(result(maker, f"ask_{kind}", str(tmp_path))) for _ in range(2)]
    answers = [job.result() for job in jobs]
    assert answers[0][0] != answers[1][0], "the same process would prove nothing"
    for pid, loaded_by, wrong in answers:
        assert wrong == []
        assert loaded_by == pid

"""Packages that handlers import while they run: loaded ahead where that is safe."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.eventually import eventually
from tests.support.handlers.folders import log_of, serving
from tests.support.nodes import Node

SAFE = {
    "slow": "import time\ntime.sleep(1)\nVALUE = 1\n",
    "sub": "",
    "conditional": "VALUE = 1\n",
    "asynchronous": "VALUE = 1\n",
}
UNSAFE = {
    "with_thread": (
        "import threading\nT = threading.Thread(target=threading.Event().wait, daemon=True)\n"
        "T.start()\n"
    ),
    "with_pool": (
        "from concurrent.futures import ThreadPoolExecutor\nP = ThreadPoolExecutor(1)\n"
        "P.submit(int).result()\n"
    ),
    "with_descriptor": "F = open('/dev/null')\n",
    "with_socket": "import socket\nS = socket.socket()\n",
    "with_loop": "import asyncio\nL = asyncio.new_event_loop()\n",
    "with_random": "import random\nR = random.Random()\n",
    "with_child": "import subprocess\nC = subprocess.Popen(['sleep', '60'])\n",
}
"""Each makes something at import that does not survive a fork, or is shared by it."""

PACKAGES = {
    **{f"{name}/__init__.py": text for name, text in SAFE.items()},
    "sub/part.py": "VALUE = 1\n",
    "failing/__init__.py": "raise ImportError('not here')\n",
    "sometimes/__init__.py": """
        import os
        if os.environ.get("SOMETIMES") != "yes":
            raise RuntimeError("only where the job says so")
        VALUE = 1
    """,
    "deadly/__init__.py": """
        import sys
        if "handlers_ready" not in sys.modules:
            import os
            os._exit(7)
    """,
    **{
        f"{name}/__init__.py": f"import os\nPID = os.getpid()\n{text}"
        for name, text in UNSAFE.items()
    },
}

HANDLERS = {
    "imports.py": """
        import os, sys
        from scheduler import handler

        @handler("slow")
        def slow(data):
            before = "slow" in sys.modules
            import slow
            return [os.getpid(), before, slow.VALUE]

        @handler("sub")
        def sub(data):
            before = "sub.part" in sys.modules
            from sub.part import VALUE
            return [os.getpid(), before, VALUE]

        @handler("asynchronous")
        async def asynchronous(data):
            before = "asynchronous" in sys.modules
            import asynchronous
            return [os.getpid(), before, asynchronous.VALUE]

        @handler("conditional")
        def conditional(data):
            before = "conditional" in sys.modules
            if data:
                import conditional
            return [os.getpid(), before, 1]

        @handler("failing")
        def failing(data):
            try:
                import failing
            except ImportError as error:
                return str(error)

        @handler("sometimes")
        def sometimes(data):
            os.environ["SOMETIMES"] = "yes"
            import sometimes
            return sometimes.VALUE

        @handler("deadly")
        def deadly(data):
            sys.modules["handlers_ready"] = sys
            import deadly
            return "lived"

        @handler("echo")
        def echo(data):
            return data
    """,
    **{
        f"imports_{name}.py": f"""
        import os
        from scheduler import handler

        @handler("{name}")
        def {name}_(data):
            import {name}
            return [os.getpid(), {name}.PID]
    """
        for name in UNSAFE
    },
}


@pytest.fixture(scope="module")
def importer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node that has packages beside it, and a new process for each job."""
    with serving(
        tmp_path_factory.mktemp("importer"),
        HANDLERS,
        packages=PACKAGES,
        NODE__JOBS_PER_PROCESS=1,
    ) as node:
        yield node


async def result(node: Node, task: str, data: object = None) -> Any:  # noqa: ANN401 - JSON
    job = await node.outcome(task, data)
    assert job["error"] is None, job["error"]["traceback"] or job["error"]
    return job["result"]


@pytest.mark.parametrize("task", ["slow", "sub", "asynchronous", "conditional"])
async def test_later_processes_begin_with_what_jobs_imported_before(
    importer: Node, task: str
) -> None:
    """A new process, as after each abort, need not load it again."""
    first = await result(importer, task, True)  # noqa: FBT003 - the data of a job

    async def loaded_before() -> bool:
        pid, before, value = await result(importer, task, True)  # noqa: FBT003
        assert pid != first[0], "the same process would prove nothing"
        assert value == 1
        return bool(before)

    await eventually(loaded_before, within_s=60)


@pytest.mark.parametrize("name", UNSAFE)
async def test_what_is_not_safe_to_share_is_loaded_in_each_process(
    importer: Node, name: str
) -> None:
    """Its threads, connections and generators are those of the process that runs the job."""
    pids = set()
    for _ in range(5):
        pid, loaded_by = await result(importer, name)
        assert loaded_by == pid
        pids.add(pid)
    assert len(pids) == 5, "the same process would prove nothing"


@pytest.mark.parametrize(
    ("task", "expected"), [("failing", "not here"), ("sometimes", 1), ("deadly", "lived")]
)
async def test_what_cannot_be_loaded_ahead_does_no_harm(
    importer: Node, task: str, expected: object
) -> None:
    """It is for the job alone to meet; other jobs do not notice."""
    for number in range(4):
        assert await result(importer, task) == expected
        assert await result(importer, "echo", number) == number


LOUD = """
    from scheduler import handler

    @handler("loud")
    def loud(data):
        import loud_package

    @handler("echo")
    def echo(data):
        return data
"""


async def test_what_a_package_prints_ahead_is_in_no_job_that_did_not_import_it(
    tmp_path: Path,
) -> None:
    """Nor before the line that says that the node is ready."""
    package = {"loud_package.py": "print('loud at import')\n"}
    with serving(tmp_path, {"a.py": LOUD}, packages=package, NODE__JOBS_PER_PROCESS=1) as node:
        for number in range(3):
            await result(node, "loud")
            job = await node.outcome("echo", number)
            assert "loud" not in await log_of(node, job)
        assert node.log.count("loud at import") <= 1

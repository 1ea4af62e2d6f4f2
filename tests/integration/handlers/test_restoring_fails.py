"""Jobs whose own objects raise while their process is restored for the next job."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.handlers.folders import serving
from tests.support.nodes import Node

HANDLERS = {
    "stubborn.py": """
        import asyncio, logging, sys
        from dataclasses import dataclass
        from scheduler import handler

        @dataclass
        class Tee:
            inner: object
            def write(self, text): return self.inner.write(text)
            def flush(self): self.inner.flush()

        class Exits:
            def write(self, text): ...
            def flush(self): sys.exit(3)

        class Stubborn(logging.Logger):
            def setLevel(self, level): raise ValueError("the level is fixed")

        @handler("wrap")
        def wrap(data):
            sys.stdout = Tee(sys.stdout)
            return "done"

        @handler("remove")
        def remove(data):
            del sys.stdout, sys.stderr
            return "done"

        @handler("exit_in_flush")
        def exit_in_flush(data):
            sys.stderr = Exits()
            return "done"

        @handler("fix_level")
        def fix_level(data):
            logging.setLoggerClass(Stubborn)
            logging.getLogger("fixed").disabled = True
            return "done"

        @handler("exit_later")
        async def exit_later(data):
            loop = asyncio.get_running_loop()
            loop.call_soon(loop.call_soon, loop.call_soon, sys.exit, 3)
            return "done"

        @handler("speak")
        def speak(data):
            print("here")
            logging.getLogger("fixed").info("there")
            return "spoken"
    """
}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with serving(tmp_path_factory.mktemp("stubborn"), HANDLERS, NODE__WORKERS=1) as node:
        yield node


@pytest.mark.parametrize("task", ["wrap", "remove", "exit_in_flush", "fix_level", "exit_later"])
async def test_a_job_that_cannot_be_restored_after_is_not_taken_for_a_crash(
    node: Node, task: str
) -> None:
    """Its result was there, perhaps after hours of work; at worst its process is replaced."""
    job = await node.outcome(task)
    assert (job["status"], job["result"]) == ("successful", "done"), job["error"]
    assert (await node.outcome("speak"))["result"] == "spoken"

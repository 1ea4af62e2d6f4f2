"""A handlers folder is an importable package, as it is on disk when the node starts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.eventually import eventually
from tests.support.handlers.folders import lay_out, log_of, serving, start_refused
from tests.support.nodes import Node

INSTALLED = {
    "mypkg/__init__.py": "",
    "mypkg/jobs.py": """
        from scheduler import handler

        @handler("resize")
        def resize(data):
            return [__name__, data]
    """,
    "mypkg/unused.py": """
        from scheduler import handler

        @handler("unused")
        def unused(data):
            return data
    """,
    "second/__init__.py": "from .jobs import cut",
    "second/jobs.py": """
        from scheduler import handler

        @handler("cut")
        async def cut(data):
            return [__name__, data]
    """,
}

MARKET = {
    "__init__.py": "VERSION = '3.1'\nLOADED = []\n",
    "__main__.py": "raise SystemExit('executed')\n",
    "data.txt": "top",
    "my-file.py": """
        from scheduler import handler

        @handler("dashed")
        def dashed(data):
            return __name__
    """,
    "plain.py": """
        from handlers import VERSION
        from scheduler import handler

        @handler("version")
        def version(data):
            import handlers
            return [VERSION, handlers.VERSION, __name__]
    """,
    "report.py": """
        from handlers.shop import jobs
        from scheduler import handler

        @handler("report")
        def report(data):
            return jobs.price(data)
    """,
    "imports_package.py": "from mypkg.jobs import resize\n",
    "imports_again.py": """
        import mypkg.jobs
        from second import cut
        from mypkg.jobs import resize as again
    """,
    "files_beside.py": """
        from importlib.resources import files
        from pathlib import Path
        from scheduler import handler

        @handler("files_beside")
        def files_beside(data):
            return [
                files("handlers").joinpath("data.txt").read_text(),
                files("handlers.shop").joinpath("data.txt").read_text(),
                files(__package__).joinpath("data.txt").read_text(),
                (Path(__file__).parent / "data.txt").read_text(),
            ]
    """,
    "pickled.py": """
        import pickle
        from dataclasses import dataclass
        from scheduler import handler

        @dataclass
        class Item:
            name: str

        def helper(item):
            return item.name

        @handler("pickled")
        def pickled(data):
            copied, item = pickle.loads(pickle.dumps((helper, Item(data))))
            assert copied is helper
            return [copied(item), helper.__module__, Item.__module__]
    """,
    "reloaded.py": """
        import importlib, inspect
        from scheduler import handler

        @handler("seen")
        def seen(data):
            import handlers.reloaded as me
            spec = importlib.util.find_spec("handlers.shop.prices")
            return [inspect.getsource(seen)[:8], me.seen is seen, spec.name, bool(spec.origin)]
    """,
    "shop/__init__.py": "",
    "shop/__main__.py": "raise SystemExit('executed')\n",
    "shop/data.txt": "shop",
    "shop/prices.py": "PRICES = {'apple': 3}\n",
    "shop/jobs.py": """
        from scheduler import handler
        from .prices import PRICES

        @handler("price")
        def price(data):
            return [PRICES[data], __name__, __package__]
    """,
    "shop/eu/__init__.py": "",
    "shop/eu/vat.py": """
        from scheduler import handler
        from ... import VERSION
        from ..prices import PRICES

        @handler("vat")
        async def vat(data):
            return [PRICES[data] * 2, VERSION, __name__]
    """,
}

TALKATIVE = """
    import logging, sys, warnings
    from scheduler import handler

    print("said at import")
    print("cried at import", file=sys.stderr)
    logging.warning("logged at import")
    logging.getLogger("mine").error("logged by name at import")

    @handler("echo")
    def echo(data):
        return data
"""


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node whose folder is sorted into packages, and is not called `handlers`."""
    with serving(
        tmp_path_factory.mktemp("market"), MARKET, name="my market", packages=INSTALLED
    ) as node:
        yield node


@pytest.mark.parametrize(
    ("task", "data", "expected"),
    [
        ("dashed", None, "handlers.my-file"),
        ("version", None, ["3.1", "3.1", "handlers.plain"]),
        ("price", "apple", [3, "handlers.shop.jobs", "handlers.shop"]),
        ("vat", "apple", [6, "3.1", "handlers.shop.eu.vat"]),
        ("report", "apple", [3, "handlers.shop.jobs", "handlers.shop"]),
        ("resize", 5, ["mypkg.jobs", 5]),
        ("cut", 5, ["second.jobs", 5]),
        ("files_beside", None, ["top", "shop", "top", "top"]),
        ("pickled", "x", ["x", "handlers.pickled", "handlers.pickled"]),
        ("seen", None, ["@handler", True, "handlers.shop.prices", True]),
    ],
)
async def test_a_handlers_folder_is_a_package(
    market: Node, task: str, data: object, expected: object
) -> None:
    """Relative imports, deeper packages, files beside the code and pickling: as Python has it."""
    job = await market.outcome(task, data)
    assert job["error"] is None, job["error"]
    assert job["result"] == expected


async def test_each_handler_is_listed_once(market: Node) -> None:
    """However many files import it; and none that no file imports."""
    _, listed = await market.call("GET", "/-/tasks")
    names = "cut dashed files_beside pickled price report resize seen vat version"
    assert sorted(each["name"] for each in listed) == names.split()


async def test_a_handler_of_a_package_that_cannot_be_loaded_stops_the_start(tmp_path: Path) -> None:
    """With file and line, and without a traceback."""
    said = await start_refused(
        tmp_path, {"shop/__init__.py": "", "shop/jobs.py": "x = 1\nx = = 2\n"}
    )
    assert f"{tmp_path / 'handlers/shop/jobs.py'}:2: " in said


async def test_a_handler_that_cannot_be_called_stops_the_start(tmp_path: Path) -> None:
    """A method that needs an object, for example."""
    text = """
        from scheduler import handler

        class Shop:
            @handler("sell")
            def sell(self, data):
                return data
    """
    said = await start_refused(tmp_path, {"shop.py": text})
    assert f"{tmp_path / 'handlers/shop.py'}:" in said
    assert "method" in said


async def test_what_a_file_prints_at_import_does_no_harm(tmp_path: Path) -> None:
    """It is said once, not by each process; and the line that says ready is the node's own."""
    with serving(tmp_path, {"talk.py": TALKATIVE}, NODE__JOBS_PER_PROCESS=1) as node:
        for number in range(6):
            job = await node.outcome("echo", number)
            assert job["result"] == number
            assert "at import" not in await log_of(node, job)
        for word in ("said", "cried", "logged"):
            assert node.log.count(f"{word} at import") <= 1, node.log


HELPER = "VALUE = 'old'\n\ndef fail():\n    raise ValueError('old')  # the old line\n"
CHANGED = (
    "VALUE = 'new'\n# more\n# and more\ndef fail():\n    raise ValueError('new')  # the new line\n"
)
VERSIONS = {
    "helper.py": HELPER,
    "parts/__init__.py": "",
    "parts/late.py": HELPER,
    "shown.py": """
        import multiprocessing, os, signal, subprocess, sys
        from handlers import helper
        from scheduler import handler

        def value(_):
            from handlers.parts import late
            return [helper.VALUE, late.VALUE]

        @handler("shown")
        def shown(data):
            return [os.getpid(), os.getppid(), *value(None)]

        @handler("child", timeout_s=15)
        def child(data):
            with multiprocessing.get_context(data).Pool(1) as pool:
                return pool.map_async(value, [1]).get(10)[0]

        @handler("script")
        def script(data):
            code = "import atlanscheduler_client, handlers.parts.late as late; print(late.VALUE)"
            return subprocess.check_output([sys.executable, "-c", code], text=True).strip()

        @handler("fail")
        def fail(data):
            helper.fail()

        @handler("crash")
        def crash(data):
            os.kill(os.getpid(), signal.SIGKILL)

        @handler("crash_all")
        def crash_all(data):
            os.kill(os.getppid(), signal.SIGKILL)
    """,
}


@pytest.fixture(scope="module")
def edited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node whose helper files have changed since it started."""
    folder = tmp_path_factory.mktemp("edited")
    with serving(folder, VERSIONS, NODE__WORKERS=1) as node:
        for name in ("helper.py", "parts/late.py"):
            file = lay_out(folder / "handlers", {name: CHANGED}) / name
            later = file.stat().st_mtime + 10  # so that compiled code of before is out of date
            os.utime(file, (later, later))
        yield node


async def test_processes_that_start_later_run_the_version_that_the_node_began_with(
    edited: Node,
) -> None:
    """Old handlers with new helpers are a program that nobody has tried."""
    process = None
    for task in ("shown", "crash", "shown", "crash", "shown"):
        job = await edited.outcome(task)
        if task == "shown":
            pid, _, *values = job["result"]
            assert values == ["old", "old"]
            assert pid != process
            process = pid


async def test_a_new_fork_server_runs_the_version_that_the_node_began_with(edited: Node) -> None:
    """It loads the files anew."""
    before = (await edited.outcome("shown"))["result"]
    await edited.outcome("crash_all")

    async def another() -> bool:
        job = await edited.outcome("shown")
        return job["result"] is not None and job["result"][1] != before[1]

    await eventually(another, within_s=20)
    assert (await edited.outcome("shown"))["result"][2:] == ["old", "old"]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
async def test_a_jobs_own_processes_run_the_version_of_their_job(edited: Node, method: str) -> None:
    """Also those that import the files themselves."""
    job = await edited.outcome("child", method)
    assert job["result"] == ["old", "old"], job["error"]


async def test_a_jobs_own_programs_run_the_version_of_their_job(edited: Node) -> None:
    """A program that imports the handlers imports those of its job."""
    job = await edited.outcome("script")
    assert job["result"] == "old", job["error"]


async def test_a_traceback_shows_the_lines_that_ran(edited: Node) -> None:
    """The text of today's file beside the line numbers of yesterday's misleads."""
    job = await edited.outcome("fail")
    assert "# the old line" in job["error"]["traceback"], job["error"]["traceback"]


async def test_a_file_that_is_gone_is_still_what_runs(tmp_path: Path) -> None:
    """A deployment replaces the folder while jobs of the old version run."""
    with serving(tmp_path, VERSIONS, NODE__WORKERS=1) as node:
        for name in ("shown.py", "helper.py", "parts/late.py"):
            (tmp_path / "handlers" / name).unlink()
        await node.outcome("crash")
        job = await node.outcome("shown")
        assert job["result"] is not None, job["error"]
        assert job["result"][2:] == ["old", "old"]
        assert "# the old line" in (await node.outcome("fail"))["error"]["traceback"]

"""Processes that a handler starts itself, by each way that Python has."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.effort import variants
from tests.support.handlers.folders import serving
from tests.support.nodes import Node

METHODS = variants(["fork", "spawn"], long=["forkserver"])
"""Python's third one starts an interpreter as `spawn` does, and forks it as `fork` does."""

FILES = {
    "__init__.py": "",
    "data.txt": "beside",
    "tool.py": """
        import sys

        def main():
            print("tool", *sys.argv[1:], __name__)

        if __name__ == "__main__":
            main()
    """,
    "numbers/__init__.py": "",
    "numbers/cubes.py": """
        def cube(x):
            return x ** 3
    """,
    "crunch.py": """
        import functools, multiprocessing, os, sys
        from concurrent.futures import ProcessPoolExecutor
        from dataclasses import dataclass
        from multiprocessing import shared_memory
        from scheduler import handler
        from .numbers.cubes import cube

        OFFSET = 0
        WAIT_S = 10

        @dataclass
        class Point:
            x: int

        def square(x):
            return x * x

        def shift(offset):
            global OFFSET
            OFFSET = offset

        def shifted(x):
            return x + OFFSET

        def moved(point, by):
            return Point(point.x + by)

        def fail(x):
            raise ZeroDivisionError(f"cannot {x}")

        def put(queue, x):
            queue.put([x * x, __name__])

        def fill(name, x):
            memory = shared_memory.SharedMemory(name=name)
            memory.buf[0] = x
            memory.close()

        def note(shared, lock, x):
            with lock:
                shared[str(x)] = x * x

        def look(_):
            main = sys.modules["__main__"]
            heavy = ["scheduler.cli.app", "scheduler.node", "aiohttp", "uvloop"]
            return [getattr(main, "__file__", None), [n for n in heavy if n in sys.modules]]

        def context(method):
            return multiprocessing.get_context(method) if method else multiprocessing

        def pooled(pool, function, items):
            return pool.map_async(function, items).get(WAIT_S)

        @handler("pool", timeout_s=25)
        def pool(data):
            with context(data).Pool(2) as pool:
                return pooled(pool, square, [1, 2, 3])

        @handler("pool_set", timeout_s=25)
        def pool_set(data):
            multiprocessing.set_start_method(data)
            with multiprocessing.Pool(2) as pool:
                return [multiprocessing.get_start_method(), pooled(pool, square, [1, 2, 3])]

        @handler("package", timeout_s=25)
        def package(data):
            with context(data).Pool(1) as pool:
                return pooled(pool, cube, [1, 2, 3])

        @handler("objects", timeout_s=25)
        def objects(data):
            with context(data).Pool(1, initializer=shift, initargs=(10,)) as pool:
                points = pooled(pool, functools.partial(moved, by=1), [Point(1), Point(2)])
                assert all(type(point) is Point for point in points)
                try:
                    pooled(pool, fail, [1])
                except ZeroDivisionError as error:
                    failed = str(error)
                return [pooled(pool, shifted, [1, 2]), [p.x for p in points], failed]

        @handler("executor", timeout_s=25)
        def executor(data):
            where = multiprocessing.get_context(data) if data else None
            with ProcessPoolExecutor(2, mp_context=where) as executor:
                return list(executor.map(square, [1, 2, 3], timeout=WAIT_S))

        @handler("queue", timeout_s=25)
        def queue(data):
            where = context(data)
            queue = where.Queue()
            child = where.Process(target=put, args=(queue, 7))
            child.start()
            got = queue.get(timeout=WAIT_S)
            child.join(WAIT_S)
            return [*got, child.exitcode]

        @handler("manager", timeout_s=25)
        def manager(data):
            where = context(data)
            with where.Manager() as manager:
                shared, lock = manager.dict(), manager.Lock()
                children = [where.Process(target=note, args=(shared, lock, x)) for x in (2, 3)]
                for child in children:
                    child.start()
                for child in children:
                    child.join(WAIT_S)
                return dict(shared)

        @handler("memory", timeout_s=25)
        def memory(data):
            memory = shared_memory.SharedMemory(create=True, size=16)
            try:
                child = context(data).Process(target=fill, args=(memory.name, 7))
                child.start()
                child.join(WAIT_S)
                return memory.buf[0]
            finally:
                memory.close()
                memory.unlink()

        @handler("open", timeout_s=25)
        def left_open(data):
            global POOL
            POOL = context(data).Pool(2)
            return pooled(POOL, square, [1, 2, 3])

        @handler("method")
        def method(data):
            return multiprocessing.get_start_method()

        @handler("look", timeout_s=25)
        def look_in_child(data):
            with context(data).Pool(1) as pool:
                return pooled(pool, look, [1])[0]

        @handler("main")
        def main(data):
            return look(None)

        @handler("nested", timeout_s=25)
        def nested(data):
            with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(data)) as executor:
                return executor.submit(within, data).result(WAIT_S)

        def within(method):
            with multiprocessing.get_context(method).Pool(1) as pool:
                return pooled(pool, square, [4])
    """,
    "programs.py": """
        import os, subprocess, sys, tempfile
        from pathlib import Path
        from scheduler import handler

        def said(*arguments, **options):
            command = [sys.executable, *arguments]
            done = subprocess.run(command, capture_output=True, text=True, timeout=10, **options)
            assert done.returncode == 0, done.stderr
            return done.stdout.split()

        @handler("code")
        def code(data):
            return said("-c", "import handlers.tool as t; print(t.__name__)")

        @handler("code_elsewhere")
        def code_elsewhere(data):
            with tempfile.TemporaryDirectory() as folder:
                return said("-c", "import handlers.tool as t; print(t.__name__)", cwd=folder)

        @handler("module")
        def module(data):
            return said("-m", "handlers.tool", "a", "b")

        @handler("script")
        def script(data):
            return said(str(Path(__file__).parent / "tool.py"), "a")

        @handler("deep")
        def deep(data):
            code = "from handlers.numbers.cubes import cube; print(cube(3))"
            return said("-c", code)

        @handler("beside")
        def beside(data):
            code = "from importlib.resources import files;"
            return said("-c", code + "print(files('handlers').joinpath('data.txt').read_text())")

        @handler("handlers_of_child")
        def handlers_of_child(data):
            return said("-c", "import handlers.crunch as c; print(c.pool.__name__, c.square(3))")

        @handler("shell")
        def shell(data):
            command = f"{sys.executable} -m handlers.tool piped | cat"
            return subprocess.check_output(command, shell=True, text=True).split()

        @handler("system")
        def system(data):
            return os.system(f"{sys.executable} -c 'import handlers.tool'")
    """,
}

PROGRAMS = {
    "code": ["handlers.tool"],
    "code_elsewhere": ["handlers.tool"],
    "module": ["tool", "a", "b", "__main__"],
    "script": ["tool", "a", "__main__"],
    "deep": ["27"],
    "beside": ["beside"],
    "handlers_of_child": ["pool", "9"],
    "shell": ["tool", "piped", "__main__"],
    "system": 0,
}


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node whose handlers start processes; its folder is called otherwise than `handlers`."""
    with serving(tmp_path_factory.mktemp("parent"), FILES, name="mine") as node:
        yield node


async def result(node: Node, task: str, data: object = None) -> Any:  # noqa: ANN401 - JSON
    job = await node.outcome(task, data)
    assert job["error"] is None, job["error"]["traceback"] or job["error"]
    return job["result"]


@pytest.mark.parametrize("method", [None, "fork", "spawn", "forkserver"])
@pytest.mark.parametrize("task", ["pool", "executor"])
async def test_a_pool_of_processes_computes(parent: Node, task: str, method: str | None) -> None:
    """With the start method left alone, and with each of them."""
    assert await result(parent, task, method) == [1, 4, 9]


@pytest.mark.parametrize("method", METHODS)
async def test_the_start_method_may_be_set_for_the_job(parent: Node, method: str) -> None:
    """Once for each job, as once for each script; the next one begins with the platform's."""
    for _ in range(2):
        assert await result(parent, "pool_set", method) == [method, [1, 4, 9]]
    assert await result(parent, "method") == platforms_own()


async def test_the_start_method_is_that_of_the_platform(parent: Node) -> None:
    """What a library was tried with is what it gets."""
    assert await result(parent, "method") == platforms_own()


@pytest.mark.parametrize("method", METHODS)
async def test_functions_and_classes_of_a_package_reach_its_processes(
    parent: Node, method: str
) -> None:
    """Each is found again under its own name."""
    assert await result(parent, "package", method) == [1, 8, 27]


@pytest.mark.parametrize("method", METHODS)
async def test_objects_initializers_and_exceptions_go_to_processes_and_back(
    parent: Node, method: str
) -> None:
    """As between any two processes of one program."""
    assert await result(parent, "objects", method) == [[11, 12], [2, 3], "cannot 1"]


@pytest.mark.parametrize("method", METHODS)
async def test_a_process_answers_through_a_queue(parent: Node, method: str) -> None:
    """And ends by itself, with exit status 0."""
    assert await result(parent, "queue", method) == [49, "handlers.crunch", 0]


@pytest.mark.parametrize("method", [None, "spawn"])
async def test_processes_share_what_a_manager_keeps(parent: Node, method: str | None) -> None:
    """A manager is a server in a process of its own."""
    assert await result(parent, "manager", method) == {"2": 4, "3": 9}


@pytest.mark.parametrize("method", METHODS)
async def test_processes_share_memory(parent: Node, method: str) -> None:
    """A segment has one name in all of them."""
    assert await result(parent, "memory", method) == 7


@pytest.mark.parametrize("method", METHODS)
async def test_processes_may_start_processes(parent: Node, method: str) -> None:
    """A library may do so without its caller's knowledge."""
    assert await result(parent, "nested", method) == [16]


@pytest.mark.parametrize("method", METHODS)
async def test_a_pool_that_is_left_open_ends_with_its_job(parent: Node, method: str) -> None:
    """The result counts; and the next job begins without it."""
    assert await result(parent, "open", method) == [1, 4, 9]
    assert await result(parent, "pool", method) == [1, 4, 9]
    await parent.alone()


@pytest.mark.parametrize("method", METHODS)
async def test_a_jobs_processes_do_not_run_the_nodes_program(parent: Node, method: str) -> None:
    """`main.py` is the node's: for a job it is neither its main module nor worth its time."""
    main, heavy = await result(parent, "look", method)
    assert not str(main).endswith("main.py")
    assert heavy == []


async def test_the_main_module_of_a_job_is_not_the_nodes(parent: Node) -> None:
    """Libraries look there for the user's program."""
    main, heavy = await result(parent, "main")
    assert not str(main).endswith("main.py")
    assert heavy == []


@pytest.mark.parametrize(("task", "expected"), PROGRAMS.items(), ids=PROGRAMS)
async def test_programs_of_a_job_import_its_handlers(
    parent: Node, task: str, expected: object
) -> None:
    """From wherever they are started; a data file beside the code is found there as well."""
    assert await result(parent, task) == expected


def platforms_own() -> str:
    """The start method of a new interpreter."""
    code = "import multiprocessing; print(multiprocessing.get_start_method())"
    return subprocess.check_output([sys.executable, "-c", code], text=True).strip()

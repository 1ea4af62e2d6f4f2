"""Which parameter of a handler gets what, and which functions are refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from scheduler.core.errors import StartError
from scheduler.core.handler import Handler
from scheduler.processes.child.loading.importing import load
from tests.support.handlers.folders import lay_out

pytestmark = pytest.mark.usefixtures("fresh_handlers")

HEAD = """\
import asyncio, functools
from functools import partial, partialmethod, wraps
from typing import Optional, TYPE_CHECKING
import scheduler
from scheduler import JobContext, handler

def plain(function):
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)
    return wrapper

def transparent(function):
    return wraps(function)(plain(function))

"""
JOB: Any = object()
"""Stands for the job context: what is tested is where it goes."""

BOUND = {
    "data alone": ("def h(data): return data", 1),
    "data of any name": ("def h(order): return order", 1),
    "data with a default": ("def h(data=None): return data", 1),
    "data by position only": ("def h(data, /): return data", 1),
    "a flag with a default": ("def h(data, dry_run=False): return data, dry_run", (1, False)),
    "several options": ("def h(data, a=2, *, b=3): return data, a, b", (1, 2, 3)),
    "a second required parameter": ("def h(data, job): return data, job", (1, JOB)),
    "a second one of any name": ("def h(data, ctx): return data, ctx", (1, JOB)),
    "a second one by position only": ("def h(data, ctx, /): return data, ctx", (1, JOB)),
    "a second one and an option": ("def h(data, ctx, n=5): return data, ctx, n", (1, JOB, 5)),
    "job with a default": ("def h(data, job=None): return data, job", (1, JOB)),
    "job after an option": ("def h(data, n=5, job=None): return data, n, job", (1, 5, JOB)),
    "job by keyword only": ("def h(data, *, job): return data, job", (1, JOB)),
    "an optional keyword job": ("def h(data, *, n=5, job=None): return n, job", (5, JOB)),
    "an annotation": ("def h(data, *, ctx: JobContext): return ctx", JOB),
    "an annotation as text": ("def h(data, *, ctx: 'JobContext'): return ctx", JOB),
    "a dotted annotation": ("def h(data, *, ctx: scheduler.JobContext): return ctx", JOB),
    "a dotted one as text": ("def h(data, *, ctx: 'scheduler.JobContext'): return ctx", JOB),
    "an optional annotation": ("def h(data, n=5, ctx: JobContext | None = None): return ctx", JOB),
    "an optional one as text": ("def h(data, c: 'JobContext | None' = None): return c", JOB),
    "an optional one of old": ("def h(data, c: Optional[JobContext] = None): return c", JOB),
    "an option annotated otherwise": ("def h(data, n: int = 5): return data, n", (1, 5)),
    "a decorator with wraps": (
        "@transparent\ndef h(data, dry_run=False): return data, dry_run",
        (1, False),
    ),
    "two decorators with wraps": (
        "@transparent\n@transparent\ndef h(data, *, job): return data, job",
        (1, JOB),
    ),
}

OBJECTS = {
    "a lambda": ("handler('x')(lambda data, n=5: (data, n))", (1, 5)),
    "a partial": ("def f(data, n): return data, n\nhandler('x')(partial(f, n=7))", (1, 7)),
    "a partial with a job": (
        "def f(data, job, n): return data, job, n\nhandler('x')(partial(f, n=7))",
        (1, JOB, 7),
    ),
    "a partial by position": (
        "def f(n, data, dry_run=False): return n, data, dry_run\nhandler('x')(partial(f, 7))",
        (7, 1, False),
    ),
    "an object": (
        (
            "class Call:\n    def __call__(self, data, dry_run=False): return data, dry_run\n"
            "handler('x')(Call())"
        ),
        (1, False),
    ),
    "an object with a job": (
        "class Call:\n    def __call__(self, data, ctx): return data, ctx\nhandler('x')(Call())",
        (1, JOB),
    ),
    "a bound method": (
        (
            "class Shop:\n    n = 7\n    def sell(self, data): return data, self.n\n"
            "handler('x')(Shop().sell)"
        ),
        (1, 7),
    ),
    "a bound class method": (
        (
            "class Shop:\n    n = 7\n    @classmethod\n    def sell(cls, data, job): "
            "return data, job, cls.n\nhandler('x')(Shop.sell)"
        ),
        (1, JOB, 7),
    ),
    "a static method": (
        "class Shop:\n    @handler('x')\n    @staticmethod\n    def sell(data): return data",
        1,
    ),
    "a static method from outside": (
        (
            "class Shop:\n    @staticmethod\n    def sell(data, n=5): return data, n\n"
            "handler('x')(Shop.sell)"
        ),
        (1, 5),
    ),
    "a function inside a function": (
        "def make(n):\n    @handler('x')\n    def h(data, m=2): return data, n, m\nmake(7)",
        (1, 7, 2),
    ),
    "a library's function": ("from math import sqrt\nhandler('x')(sqrt)", 1.0),
}

REFUSED = {
    "no parameter": ("@handler('x')\ndef h(): ...", "data"),
    "only keywords": ("@handler('x')\ndef h(*, data): ...", "data"),
    "three required": ("@handler('x')\ndef h(a, b, c): ...", "data"),
    "a required keyword": ("@handler('x')\ndef h(data, *, limit): ...", "limit"),
    "data in the second place": ("@handler('x')\ndef h(job: JobContext, data): ...", "data"),
    "data in the second place, as text": (
        "@handler('x')\ndef h(job: 'JobContext', data): ...",
        "data",
    ),
    "a lambda without a parameter": ("handler('x')(lambda: 1)", "data"),
    "a wrapper without wraps": (
        "@handler('x')\n@plain\ndef h(data, dry_run=False): ...",
        "functools.wraps",
    ),
    "a lambda that takes anything": ("handler('x')(lambda *a, **k: 1)", "functools.wraps"),
    "a partial of too much": ("def f(a, b, c, d): ...\nhandler('x')(partial(f, d=1))", "data"),
    "a partial that leaves nothing": ("def f(data): ...\nhandler('x')(partial(f, 1))", "data"),
    "a method": (
        "class Shop:\n    @handler('x')\n    def sell(self, data): ...",
        "method",
    ),
    "a method that looks like a handler": (
        "class Shop:\n    @handler('x')\n    def sell(self): ...",
        "method",
    ),
    "a method with a job": (
        "class Shop:\n    @handler('x')\n    async def sell(self, data, job): ...",
        "method",
    ),
    "a decorated method": (
        "class Shop:\n    @handler('x')\n    @transparent\n    def sell(self, data): ...",
        "method",
    ),
    "a class method": (
        "class Shop:\n    @handler('x')\n    @classmethod\n    def sell(cls, data): ...",
        "method",
    ),
    "a class without a call": ("@handler('x')\nclass Shop:\n    pass", "__call__"),
    "a class that keeps data": (
        "@handler('x')\nclass Shop:\n    def __init__(self, data): ...",
        "__call__",
    ),
    "a class that takes arguments": (
        (
            "@handler('x')\nclass Shop:\n    def __init__(self, url): ...\n"
            "    def __call__(self, data): ..."
        ),
        "url",
    ),
    "a generator function": ("@handler('x')\ndef h(data):\n    yield data", "generator"),
    "an async generator function": (
        "@handler('x')\nasync def h(data):\n    yield data",
        "generator",
    ),
    "a partial of a generator function": (
        "def h(data, n):\n    yield data\nhandler('x')(partial(h, n=1))",
        "generator",
    ),
    "an object whose call is a generator": (
        "class Call:\n    def __call__(self, data):\n        yield data\nhandler('x')(Call())",
        "generator",
    ),
    "a builtin without a signature": ("handler('x')(max)", "max"),
    "a builtin type": ("handler('x')(dict)", "__call__"),
    "what cannot be called": ("handler('x')(5)", "function"),
}

UNDO = {
    "no parameter": ("def undo(): ...", "data"),
    "a required keyword": ("def undo(data, *, limit): ...", "limit"),
    "data in the second place": ("def undo(job: JobContext, data): ...", "data"),
    "a generator function": ("def undo(data):\n    yield data", "generator"),
    "a wrapper without wraps": ("@plain\ndef undo(data): ...", "functools.wraps"),
    "a class without a call": ("class undo:\n    pass", "__call__"),
    "a builtin without a signature": ("undo = max", "max"),
}


def loaded(folder: Path, source: str) -> Handler:
    """The handler of a file with this text."""
    (found,) = load(lay_out(folder, {"a.py": HEAD + source + "\n"})).values()
    return found


def refusal(folder: Path, source: str) -> str:
    """The message that tells why a file with this text does not load."""
    lay_out(folder, {"a.py": HEAD + source + "\n"})
    with pytest.raises(StartError) as caught:
        load(folder)
    line = str(caught.value)
    assert "\n" not in line
    first = HEAD.count("\n") + 1
    place = re.match(rf"{re.escape(str(folder / 'a.py'))}:(\d+): ", line)
    assert place, line
    assert first <= int(place[1]) <= first + source.count("\n"), line
    return line


@pytest.mark.parametrize(("source", "expected"), BOUND.values(), ids=BOUND)
def test_a_handler_gets_data_first_and_the_context_where_it_asks_for_it(
    tmp_path: Path, source: str, expected: object
) -> None:
    """Options of a function that was there before are its own: a job must not turn one on."""
    found = loaded(tmp_path, f"@handler('x')\n{source}")
    assert found.function(1, JOB) == expected


@pytest.mark.parametrize(("source", "expected"), BOUND.values(), ids=BOUND)
def test_an_on_abort_is_bound_in_the_same_way(
    tmp_path: Path, source: str, expected: object
) -> None:
    """One rule for both: nobody reads a second one."""
    found = loaded(tmp_path, f"{source}\n@handler('x', on_abort=h)\ndef g(data): ...")
    assert found.on_abort is not None
    assert found.on_abort(1, JOB) == expected


@pytest.mark.parametrize(("source", "expected"), OBJECTS.values(), ids=OBJECTS)
def test_whatever_is_called_with_data_can_be_a_handler(
    tmp_path: Path, source: str, expected: object
) -> None:
    """Partials, objects and bound methods are as ordinary as functions."""
    assert loaded(tmp_path, source).function(1, JOB) == expected


def test_an_annotation_counts_where_all_of_them_are_text(tmp_path: Path) -> None:
    """As a future import makes them; and the name may be there for type checkers only."""
    text = """
        from __future__ import annotations
        from typing import TYPE_CHECKING
        from scheduler import handler
        if TYPE_CHECKING:
            from scheduler import JobContext
            from nowhere import Order

        @handler("x")
        def h(data: Order, dry_run: bool = False, ctx: JobContext | None = None) -> Order:
            return data, dry_run, ctx
    """
    (found,) = load(lay_out(tmp_path, {"a.py": text})).values()
    assert found.function(1, JOB) == (1, False, JOB)


def test_a_class_is_called_through_one_object_that_is_made_when_it_is_loaded(
    tmp_path: Path,
) -> None:
    """What it opens, it opens once, and not for each job."""
    found = loaded(
        tmp_path,
        "made = []\n@handler('x')\nclass Shop:\n    def __init__(self): made.append(self)\n"
        "    def __call__(self, data, job): return data, job, len(made)",
    )
    assert [found.function(n, JOB) for n in (1, 2)] == [(1, JOB, 1), (2, JOB, 1)]


@pytest.mark.parametrize(("source", "told"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_a_handler_is_refused_with_file_and_line(
    tmp_path: Path, source: str, told: str
) -> None:
    """At the first job it would be too late; and the message says what to do instead."""
    assert told in refusal(tmp_path, source)


@pytest.mark.parametrize(("source", "told"), UNDO.values(), ids=UNDO)
def test_what_cannot_be_an_on_abort_is_refused_with_file_and_line(
    tmp_path: Path, source: str, told: str
) -> None:
    """It is called only after an abort, when nobody watches."""
    line = refusal(tmp_path, f"{source}\n@handler('x', on_abort=undo)\ndef h(data): ...")
    assert told in line
    assert "on_abort" in line

"""Handlers: what the decorator takes, and what a folder of them must be to be loaded."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from scheduler import JobContext, handler
from scheduler.core.callback import callback
from scheduler.core.errors import StartError
from scheduler.core.handler import REGISTERED
from scheduler.processes.child.loading.importing import load

pytestmark = pytest.mark.usefixtures("fresh_handlers")

HEAD = "from scheduler import handler\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "mine"


def write(folder: Path, **files: str) -> None:
    folder.mkdir(exist_ok=True)
    for stem, text in files.items():
        (folder / f"{stem}.py").write_text(text, encoding="utf-8")


def refusal(folder: Path) -> str:
    """The message of the error that loading this folder raises."""
    with pytest.raises(StartError) as caught:
        load(folder)
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_a_folder_gives_its_handlers_by_name(folder: Path) -> None:
    """A file may have several handlers, or none."""
    write(
        folder,
        a=HEAD + "@handler('one')\ndef f(data): return data\n",
        b=HEAD + "@handler('two')\ndef f(data): ...\n@handler('three')\ndef g(data): ...\n",
        c="x = 1\n",
    )
    found = load(folder)
    assert set(found) == {"one", "two", "three"}
    assert found["one"].function(5) == 5


def test_the_options_say_all_that_the_node_needs(folder: Path) -> None:
    """They are sent as JSON; the node itself imports no handler."""
    text = """
def undo(data): ...

@handler("resize", timeout_s=600, grace_s=0, memory_bytes=1 << 30, on_abort=undo)
def resize(data, job):
    \"\"\"Make images small.

    More about it.
    \"\"\"
"""
    write(folder, resize=HEAD + text)
    found = load(folder)["resize"]
    assert json.loads(json.dumps(asdict(found.options))) == {
        "name": "resize",
        "doc": "Make images small.",
        "timeout_s": 600,
        "grace_s": 0,
        "memory_bytes": 1 << 30,
        "undoable": True,
        "retry": None,
        "needs": [],
        "limit": [],
        "throttle": None,
    }
    assert found.on_abort is not None
    assert found.location == f"{folder / 'resize.py'}:5"


def test_without_options_nothing_is_limited_and_nothing_undone() -> None:
    """All options are optional."""
    handler("x")(lambda data: data)
    assert asdict(REGISTERED.pop().options) == {
        "name": "x",
        "doc": None,
        "timeout_s": None,
        "grace_s": None,
        "memory_bytes": None,
        "undoable": False,
        "retry": None,
        "needs": (),
        "limit": (),
        "throttle": None,
    }


def test_the_decorator_leaves_the_function_as_it_is() -> None:
    """Its author can test it like any other function."""

    def double(data: int) -> int:
        return 2 * data

    assert handler("double")(double) is double


def test_a_missing_folder_stops_the_start(tmp_path: Path) -> None:
    """The message names the configuration key."""
    line = refusal(tmp_path / "gone")
    assert line.startswith("[handlers] path = ")
    assert line.endswith("gone': there is no such folder")


def test_a_file_in_place_of_the_folder_stops_the_start(tmp_path: Path) -> None:
    """It must be a folder, so that files can import their siblings."""
    (tmp_path / "handlers.py").touch()
    assert "there is no such folder" in refusal(tmp_path / "handlers.py")


def test_a_syntax_error_is_told_with_file_and_line(folder: Path) -> None:
    """Found at start, not when the first job comes."""
    write(folder, bad="x = 1\nx = = 2\n")
    line = refusal(folder)
    assert line.startswith(f"{folder / 'bad.py'}:2: the handler file does not import: SyntaxError")


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise ValueError('two\\nlines')", "ValueError: two lines"),
        ("class E(BaseException): ...\nraise E('x')", "E: x"),
    ],
)
def test_a_file_that_raises_is_told_with_file_and_line(
    folder: Path, statement: str, told: str
) -> None:
    """Whatever it raises: a node that lacks a handler would refuse jobs it should take."""
    write(folder, bad=f"x = 1\n{statement}\n")
    line = refusal(folder)
    assert line.startswith(f"{folder / 'bad.py'}:{statement.count(chr(10)) + 2}: ")
    assert line.endswith(f"the handler file does not import: {told}")


def test_the_line_that_is_told_is_that_of_the_handler_file(folder: Path) -> None:
    """Not the line deep in a library that it called."""
    write(folder, bad="import json\n\njson.loads('{')\n")
    assert refusal(folder).startswith(f"{folder / 'bad.py'}:3: ")


def test_the_line_is_told_for_a_relative_folder_too(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`path = "handlers"` is the default."""
    write(folder, bad="\n1 / 0\n")
    monkeypatch.chdir(folder.parent)
    assert refusal(folder.relative_to(folder.parent)).startswith(f"{folder / 'bad.py'}:2: ")


def test_ctrl_c_during_the_import_is_no_fault_of_the_file(folder: Path) -> None:
    """The operator wants to end the start, not to read a traceback."""
    write(folder, slow="raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        load(folder)


def test_two_handlers_of_one_name_are_told_with_both_places(folder: Path) -> None:
    """Which of them runs must not depend on the order of files."""
    write(
        folder,
        a=HEAD + "@handler('same')\ndef f(data): ...\n",
        b=HEAD + "\n@handler('same')\ndef g(data): ...\n",
    )
    line = refusal(folder)
    assert f"{folder / 'a.py'}:2" in line
    assert f"{folder / 'b.py'}:3" in line
    assert "'same'" in line


def test_two_functions_of_one_name_do_not_hide_a_handler(folder: Path) -> None:
    """Python drops the first; copied code with only the handler's name changed must work."""
    write(
        folder,
        a=HEAD + "@handler('one')\ndef run(data): return 1\n@handler('two')\n"
        "def run(data): return 2\n",
    )
    assert {name: each.function(None) for name, each in load(folder).items()} == {
        "one": 1,
        "two": 2,
    }


def test_a_second_name_for_the_function_is_not_a_second_handler(folder: Path) -> None:
    """Neither in the same file nor in one that imports it."""
    write(
        folder,
        a=HEAD + "@handler('one')\ndef f(data): ...\ng = f\n",
        b="from handlers.a import f\nfrom handlers.a import *\n",
    )
    assert set(load(folder)) == {"one"}


def test_whatever_can_be_called_can_be_a_handler(folder: Path) -> None:
    """A function of a library, one behind another decorator, an object."""
    text = """
from functools import partial
from math import sqrt

def counted(function):
    return lambda data: function(data)

@handler("wrapped")
@counted
def wrapped(data): return data

handler("partial")(partial(pow, 2))
handler("library")(sqrt)

class Object:
    def __call__(self, data): return data
handler("object")(Object())
"""
    write(folder, a=HEAD + text)
    found = load(folder)
    assert {name: each.function(4) for name, each in found.items()} == {
        "wrapped": 4,
        "partial": 16,
        "library": 2.0,
        "object": 4,
    }


def test_a_file_may_import_its_siblings(folder: Path) -> None:
    """By the same name, wherever the folder is and whatever it is called."""
    write(
        folder,
        a_first=HEAD
        + "from handlers.z_last import ONE\n@handler('one')\ndef f(data): return ONE\n",
        b_then=HEAD + "from .z_last import ONE\n@handler('two')\ndef f(data): return ONE\n",
        z_last="ONE = 1\n",
    )
    assert [each.function(None) for each in load(folder).values()] == [1, 1]


def test_hidden_files_are_not_handlers(folder: Path) -> None:
    """Editors and macOS leave them: locks, backups, resource forks."""
    write(folder, a=HEAD + "@handler('one')\ndef f(data): ...\n")
    (folder / ".#a.py").symlink_to("somebody@host.1234")
    (folder / "._a.py").write_bytes(b"\0\5\x16\7")
    assert set(load(folder)) == {"one"}


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ({"name": 5}, TypeError, "the name must be a string, not 5"),
        ({"name": print}, TypeError, r'write @handler\("greet"\), not @handler alone'),
        ({"timeout": 3}, TypeError, "unknown option timeout; did you mean timeout_s\\? allowed: t"),
        ({"color": 3}, TypeError, "unknown option color; allowed: timeout_s, grace_s"),
        ({"name": ""}, ValueError, "1 to 200 printable characters"),
        ({"name": "x" * 201}, ValueError, "1 to 200 printable characters"),
        ({"name": "a\nb"}, ValueError, "1 to 200 printable characters"),
        ({"timeout_s": "5"}, TypeError, "timeout_s must be a number of seconds, not '5'"),
        ({"timeout_s": True}, TypeError, "timeout_s must be a number of seconds"),
        ({"timeout_s": 0}, ValueError, "timeout_s must be above 0"),
        ({"timeout_s": float("nan")}, ValueError, "timeout_s must be above 0"),
        ({"timeout_s": float("inf")}, ValueError, "timeout_s must be above 0"),
        ({"grace_s": -1}, ValueError, "grace_s must be at least 0"),
        ({"grace_s": "1"}, TypeError, "grace_s must be a number of seconds"),
        ({"memory_bytes": "1G"}, TypeError, "memory_bytes must be a number of bytes, not '1G'"),
        ({"memory_bytes": True}, TypeError, "memory_bytes must be a number of bytes"),
        ({"memory_bytes": 1e9}, TypeError, "memory_bytes must be a number of bytes"),
        ({"memory_bytes": 1 << 20}, ValueError, "memory_bytes must be at least 67108864"),
        ({"memory_bytes": 1 << 64}, ValueError, "memory_bytes must be at least"),
    ],
)
def test_a_wrong_option_is_refused_where_it_is_written(
    options: dict[str, Any], error: type[Exception], told: str
) -> None:
    """At import, so that the node does not start with it."""
    with pytest.raises(error, match=told):
        handler(**{"name": "x"} | options)


def no_argument() -> None: ...
def three(data: object, job: object, more: object) -> None: ...


@pytest.mark.parametrize("function", [no_argument, three])
def test_a_function_that_cannot_be_called_is_refused(function: Callable[..., None]) -> None:
    """As a handler and as its `on_abort`: at the first job it would be too late."""
    with pytest.raises(TypeError, match=r"handler: it must take \(data\) or \(data, job\)"):
        handler("x")(function)
    with pytest.raises(TypeError, match=r"on_abort must take \(data\) or \(data, job\)"):
        handler("x", on_abort=function)(lambda data: data)


def test_an_on_abort_that_is_no_function_is_refused() -> None:
    """Most often it is its name in quotes."""
    with pytest.raises(TypeError, match="handler: on_abort must be a function, not 'undo'"):
        handler("x", on_abort="undo")  # type: ignore[arg-type]


def test_what_cannot_be_called_at_all_is_refused(folder: Path) -> None:
    """With the file and the line."""
    write(folder, bad=HEAD + "handler('x')(5)\n")
    line = refusal(folder)
    assert line.startswith(f"{folder / 'bad.py'}:2: ")
    assert "TypeError" in line


@pytest.mark.parametrize(
    ("function", "given"),
    [
        (lambda data: (data,), (1,)),
        (lambda data, job: (data, job), (1, 2)),
        (lambda data, job=None: (data, job), (1, 2)),
        (lambda data, job, more=3: (data, job, more), (1, 2, 3)),
        (lambda data, *, more=3: (data, more), (1, 3)),
    ],
)
def test_a_handler_is_given_as_much_as_it_takes(
    function: Callable[..., object], given: tuple[int, ...]
) -> None:
    """A handler may leave out the context."""
    assert callback(function)(1, 2) == given


def test_an_async_handler_gives_its_coroutine() -> None:
    """The caller awaits it."""

    async def double(data: int) -> int:
        return 2 * data

    coroutine = callback(double)(4)
    assert inspect.iscoroutine(coroutine)
    assert asyncio.run(coroutine) == 8


def test_what_a_handler_needs_comes_from_one_place() -> None:
    """`from scheduler import handler, JobContext`, as the contract shows it."""
    assert callable(handler)
    assert callable(JobContext)

"""What a handler returned, as the content of an end frame."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from scheduler.processes.child.results import returned


class Leaving:
    """An object whose `repr` ends the program."""

    def __repr__(self) -> str:
        raise SystemExit


class LeavingDict(dict[str, int]):
    """A dict that ends the program when it is read."""

    def items(self) -> Any:  # noqa: ANN401
        raise SystemExit("read")


def test_a_json_value_is_returned_as_text(capfd: pytest.CaptureFixture[str]) -> None:
    """And nothing is logged."""
    assert returned({"a": [1, "ü"]}, bytes_max=100) == {"returned": '{"a":[1,"ü"]}'}
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("result", "told", "logged"),
    [
        ({"a": {1}}, "/a is a set", ["/a is a set: {1}", "the result was refused: {'a': {1}}"]),
        ([Leaving()], "/0 is a ", ["its repr raised SystemExit"]),
        (LeavingDict(a=1), "reading it raised SystemExit('read')", ["the result was refused"]),
        ("x" * 99, "101 bytes of JSON; allowed are 100", ["the result was refused: 'xxx"]),
        ([*range(99), {1: 1, "1": 1}], "longer than 100 bytes", ["the result was refused: [0, 1"]),
    ],
    ids=["set", "repr", "items", "size", "endless"],
)
def test_what_is_refused_is_logged(
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    result: object,
    told: str,
    logged: list[str],
) -> None:
    """Whatever the handler did to `sys.stderr`: its work must not be gone without a trace."""
    monkeypatch.setattr(sys, "stderr", None)
    assert told in str(returned(result, bytes_max=100)["unreturnable"])
    lines = capfd.readouterr().err
    assert all(part in lines for part in logged)
    assert len(lines) < 3000

"""The names of a node's asyncio tasks."""

from __future__ import annotations

import ast
from pathlib import Path

import scheduler


def test_every_task_has_a_name() -> None:
    """When a node hangs or asyncio reports an error in a task, the name says what it was for."""
    nameless = [
        f"{file.name}:{call.lineno}"
        for file in Path(scheduler.__file__).parent.rglob("*.py")
        for call in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(call, ast.Call) and _begins_a_task(call.func)
        if "name" not in {keyword.arg for keyword in call.keywords}
    ]

    assert nameless == []


def _begins_a_task(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and function.attr == "create_task"

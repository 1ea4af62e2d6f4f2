"""An operation as a command that its reader can copy: `curl` with the examples of the document."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Final
from urllib.parse import quote

from scheduler.api.description.examples import BY_SCHEMA

Json = dict[str, Any]

BASE: Final = "http://127.0.0.1:8000"
"""Stands for the address of the node; whoever serves the page puts the real one in its place."""
STREAM: Final = "text/event-stream"
EXAMPLE: Final[Json] = BY_SCHEMA["NewJob"]
"""The job that the document submits; in a command, it is one that this node can run."""


def command(method: str, path: str, described: Json) -> str:
    """The command, in as many lines as it has parts."""
    parts = [f"curl {_flags(method, described)}{shlex.quote(BASE + _target(path, described))}"]
    if body := _body(described):
        parts += ["-H 'Content-Type: application/json'", data(body)]
    return " \\\n  ".join(parts)


def data(body: object) -> str:
    """The option with the JSON that is sent."""
    return f"-d {shlex.quote(json.dumps(body, ensure_ascii=False))}"


def example_job(docs: Mapping[str, str | None]) -> Json:
    """A job that one of these handlers can run, with the JSON object that its doc line shows.

    Args:
        docs: the first line of each handler's docstring, by its name.
    """
    if not docs or EXAMPLE["task"] in docs:
        return EXAMPLE
    task = min(docs)
    return {**EXAMPLE, "task": task, "data": _object_in(docs[task] or "")}


def _object_in(text: str) -> Json:
    """The first JSON object in a text; an empty one where there is none."""
    with suppress(ValueError):
        found, _ = json.JSONDecoder().raw_decode(text, text.index("{"))
        return dict(found)
    return {}


def _flags(method: str, described: Json) -> str:
    named = "" if method == "GET" else f"-X {method} "
    streams = any(STREAM in each.get("content", {}) for each in described["responses"].values())
    return named + ("-N " if streams else "")


def _target(path: str, described: Json) -> str:
    """The path with an example of each of its parameters, and of the first one of the query."""
    parameters = described.get("parameters", ())
    for name, value in _examples(parameters, "path"):
        path = path.replace(f"{{{name}}}", quote(_text(value), safe=""))
    for name, value in _examples(parameters, "query"):
        return f"{path}?{name}={quote(_text(value), safe=',')}"
    return path


def _examples(parameters: Iterable[Json], where: str) -> list[tuple[str, Any]]:
    given = [each for each in parameters if each["in"] == where and "example" in each]
    return [(each["name"], each["example"]) for each in given]


def _text(value: object) -> str:
    """A parameter as it stands in a URL."""
    if isinstance(value, list):
        return ",".join(map(_text, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _body(described: Json) -> object:
    """The first example of the request's body."""
    for content in described.get("requestBody", {}).get("content", {}).values():
        for example in content.get("examples", {}).values():
            return example["value"]
    return None

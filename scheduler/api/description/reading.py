"""Operations and schemas of the OpenAPI document as HTML: each is closed until it is opened.

What a link may lead to has its id inside the closed element: a browser then opens it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from html import escape
from typing import Any, Final

from scheduler.api.description.curl import command

Json = dict[str, Any]

PROBLEM: Final = "application/problem+json"


def operation(method: str, path: str, described: Json) -> str:
    """An operation: what it does, a command, its parameters, and what may be answered."""
    answers = described["responses"]
    refused = {code for code, each in answers.items() if PROBLEM in each.get("content", {})}
    return (
        f'<details><summary><h3><b class="{method.lower()}">{method}</b> '
        f"<code>{escape(path)}</code></h3> <span>{line(described['summary'])}</span></summary>"
        f'<div id="{escape(described["operationId"])}"><p>{line(described["description"])}</p>'
        f"<h4>Request</h4><pre>{escape(command(method, path, described))}</pre>"
        + _parameters(described.get("parameters", ()))
        + (f"<h4>Body</h4>{_contents(body)}" if (body := described.get("requestBody")) else "")
        + "<h4>Answers</h4>"
        + "".join(_answer(code, each) for code, each in answers.items() if code not in refused)
        + "<details><summary>Problems: "
        + ", ".join(sorted(refused))
        + "</summary>"
        + "".join(_answer(code, each) for code, each in answers.items() if code in refused)
        + "</details></div></details>"
    )


def model(name: str, schema: Json) -> str:
    """A schema with its fields, and with an example where it has one."""
    required = schema.get("required", ())
    rows = [
        (key, ("required, " if key in required else "") + _type(each), each.get("description", ""))
        for key, each in schema.get("properties", {}).items()
    ]
    listed = _list(rows) if rows else f"<p>{_type(schema)}</p>"
    return (
        f"<details><summary><h3>{escape(name)}</h3> "
        f"<span>{line(schema.get('description', ''))}</span></summary>"
        f'<div id="schema-{escape(name)}">{listed}'
        + "".join(map(_example, schema.get("examples", ())))
        + "</div></details>"
    )


def line(text: str) -> str:
    """Text as HTML, with code in backticks."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(text))


def _parameters(parameters: Iterable[Json]) -> str:
    rows = [(each["name"], _place(each), each["description"]) for each in parameters]
    return f"<h4>Parameters</h4>{_list(rows)}" if rows else ""


def _place(parameter: Json) -> str:
    """Where a parameter stands, its type, and what it is when it is left out."""
    schema = parameter["schema"]
    parts = [parameter["in"], "required" if parameter.get("required") else "", _type(schema)]
    if "default" in schema:
        parts.append(f"default {escape(json.dumps(schema['default']))}")
    return ", ".join(filter(None, parts))


def _answer(code: str, answer: Json) -> str:
    return f"<p><b>{code}</b> {line(answer['description'])}</p>{_contents(answer)}"


def _contents(holder: Json) -> str:
    return "".join(
        f'<p class="faint">{escape(media)}: {_type(content.get("schema", {}))}</p>'
        + "".join(_example(each["value"]) for each in content.get("examples", {}).values())
        for media, content in holder.get("content", {}).items()
    )


def _list(rows: Iterable[tuple[str, str, str]]) -> str:
    """Names with their types, which are HTML already, and what they mean."""
    items = (
        f"<div><dt><code>{escape(name)}</code> <span>{kind}</span></dt>"
        f"<dd>{line(meaning)}</dd></div>"
        for name, kind, meaning in rows
    )
    return f"<dl>{''.join(items)}</dl>"


def _example(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    return f"<pre>{escape(text)}</pre>"


def _type(schema: Json) -> str:
    """A schema in a few words, with a link to each named schema."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#schema-{name}">{name}</a>'
    for word, key in (("or", "anyOf"), ("or", "oneOf"), ("and", "allOf")):
        if key in schema:
            return f" {word} ".join(dict.fromkeys(map(_type, schema[key])))
    if schema.get("type") == "array":
        return f"array of {_type(schema.get('items', {}))}"
    if "enum" in schema:
        return ", ".join(f"<code>{escape(str(each))}</code>" for each in schema["enum"])
    if "const" in schema:
        return f"<code>{escape(str(schema['const']))}</code>"
    return escape(schema.get("type", "any JSON"))

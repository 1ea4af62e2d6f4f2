"""The OpenAPI document as a page to read, which loads and runs nothing.

It is plain HTML: it works offline, and its Content-Security-Policy can forbid everything else.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Any, Final

Json = dict[str, Any]

STYLE: Final = Path(__file__).with_name("docs.css").read_text("utf-8")
_DIGEST: Final = base64.b64encode(sha256(STYLE.encode()).digest()).decode()
POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""Forbids everything but the page's own style."""


def page(document: Json) -> str:
    """The whole page."""
    info = document["info"]
    operations = list(_operations(document))
    parts = [
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1>",
        _prose(info["description"]),
        '<p class="faint">The same for machines: <a href="openapi.json">openapi.json</a></p>',
        _contents(operations),
        "<h2>Routes</h2>",
        *(_operation(method, path, described) for method, path, described in operations),
        "<h2>Schemas</h2>",
        *(_model(name, each) for name, each in document["components"]["schemas"].items()),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(info['title'])} API</title><style>{STYLE}</style></head>"
        f"<body>{''.join(parts)}</body></html>"
    )


def _operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, item in document["paths"].items():
        for method, described in item.items():
            yield method.upper(), path, described


def _prose(text: str) -> str:
    """Text as HTML: paragraphs, lists (each line begins with a dash), and code in backticks."""
    blocks = (block.splitlines() for block in text.split("\n\n"))
    return "".join(
        f"<ul>{''.join(f'<li>{_line(line[2:])}</li>' for line in lines)}</ul>"
        if all(line.startswith("- ") for line in lines)
        else f"<p>{_line(' '.join(lines))}</p>"
        for lines in blocks
    )


def _line(text: str) -> str:
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(text))


def _contents(operations: Iterable[tuple[str, str, Json]]) -> str:
    links = (
        f'<li><a href="#{described["operationId"]}"><code>{method} {escape(path)}</code></a></li>'
        for method, path, described in operations
    )
    return f'<nav aria-label="Routes"><ul>{"".join(links)}</ul></nav>'


def _operation(method: str, path: str, described: Json) -> str:
    body = described.get("requestBody")
    return (
        f'<details id="{described["operationId"]}" open><summary><b>{method}</b> '
        f"<code>{escape(path)}</code> <span>{escape(described['summary'])}</span></summary>"
        + _parameters(described.get("parameters", ()))
        + (f"<h3>Body</h3>{_contents_of(body)}" if body else "")
        + "<h3>Answers</h3>"
        + "".join(_answer(code, each) for code, each in described["responses"].items())
        + "</details>"
    )


def _parameters(parameters: Iterable[Json]) -> str:
    rows = [
        (
            f"<code>{escape(each['name'])}</code>",
            each["in"] + (", required" if each.get("required") else ""),
            _type(each["schema"]),
            escape(each["description"]),
        )
        for each in parameters
    ]
    return f"<h3>Parameters</h3>{_table(rows)}" if rows else ""


def _answer(code: str, answer: Json) -> str:
    return f"<p><b>{code}</b> {escape(answer['description'])}</p>{_contents_of(answer)}"


def _contents_of(holder: Json) -> str:
    return "".join(
        f'<p class="faint">{escape(media)}: {_type(content.get("schema", {}))}</p>'
        + "".join(_example(each["value"]) for each in content.get("examples", {}).values())
        for media, content in holder.get("content", {}).items()
    )


def _model(name: str, schema: Json) -> str:
    required = schema.get("required", ())
    rows = [
        (
            f"<code>{escape(key)}</code>",
            "required" if key in required else "",
            _type(each),
            escape(each.get("description", "")),
        )
        for key, each in schema.get("properties", {}).items()
    ]
    listed = _table(rows) if rows else f"<p>{_type(schema)}</p>"
    return (
        f'<details id="schema-{escape(name)}" open><summary><b>{escape(name)}</b> '
        f"<span>{escape(schema.get('description', ''))}</span></summary>{listed}"
        + "".join(map(_example, schema.get("examples", ())))
        + "</details>"
    )


def _table(rows: Iterable[tuple[str, ...]]) -> str:
    cells = ("".join(f"<td>{cell}</td>" for cell in row) for row in rows)
    return f"<table>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"


def _example(value: object) -> str:
    return f"<pre>{escape(json.dumps(value, indent=2, ensure_ascii=False))}</pre>"


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

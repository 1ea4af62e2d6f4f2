"""The OpenAPI document as a page to read, which loads and runs nothing.

It is plain HTML: it works offline, and its Content-Security-Policy can forbid everything else.

header   the ways to the dashboard and to the document
main     what it is, then a part for each tag, the schemas and the problems, each of which is
         closed until its reader opens it
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Any, Final

from scheduler.api.description import reading
from scheduler.api.description.curl import BASE, EXAMPLE, data

Json = dict[str, Any]

STYLE: Final = Path(__file__).with_name("docs.css").read_text("utf-8")
_DIGEST: Final = base64.b64encode(sha256(STYLE.encode()).digest()).decode()
POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""Forbids everything but the page's own style."""
HEADER: Final = (
    '<header><nav aria-label="This node"><a href="ui/">← Dashboard</a> '
    '<a href="openapi.json">openapi.json</a></nav></header>'
)
_ORIGIN: Final = re.compile(r"https?://[\w.:\[\]-]+(/[\w./~-]*)?")
"""A URL that is safe in the page, and in the shell of who copies a command from there."""


def page(document: Json) -> str:
    """The whole page."""
    info = document["info"]
    title = f"{escape(info['title'])} API"
    begin, _, rest = info["description"].partition("\n\n")
    parts = [
        f"<h1>{title} <small>{escape(info['version'])}</small></h1>",
        _prose(begin),
        *(_tag(tag, document) for tag in document["tags"]),
        _part("Schemas", "The JSON of requests and answers.", _schemas(document)),
        _part("Problems", "What a request that fails is answered with.", [_prose(rest)]),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style></head>"
        f"<body>{HEADER}<main>{''.join(parts)}</main></body></html>"
    )


def at(origin: str, page: str) -> str:
    """The page with commands for the node at this URL, as its reader reached it."""
    return page.replace(BASE, origin) if _ORIGIN.fullmatch(origin) else page


def submitting(job: Json, page: str) -> str:
    """The page with commands that submit this job: one that the node can run."""
    return page.replace(escape(data(EXAMPLE)), escape(data(job)))


def _tag(tag: Json, document: Json) -> str:
    operations = (
        reading.operation(method.upper(), path, described)
        for path, item in document["paths"].items()
        for method, described in item.items()
        if tag["name"] in described["tags"]
    )
    return _part(tag["name"], tag["description"], operations)


def _schemas(document: Json) -> Iterator[str]:
    for name, schema in document["components"]["schemas"].items():
        yield reading.model(name, schema)


def _part(name: str, description: str, parts: Iterable[str]) -> str:
    return (
        f'<details class="part"><summary><h2>{escape(name)}</h2> '
        f"<span>{escape(description)}</span></summary>{''.join(parts)}</details>"
    )


def _prose(text: str) -> str:
    """Text as HTML: paragraphs, lists (each line begins with a dash), and code in backticks."""
    blocks = (block.splitlines() for block in text.split("\n\n"))
    return "".join(
        f"<ul>{''.join(f'<li>{reading.line(line[2:])}</li>' for line in lines)}</ul>"
        if all(line.startswith("- ") for line in lines)
        else f"<p>{reading.line(' '.join(lines))}</p>"
        for lines in blocks
    )

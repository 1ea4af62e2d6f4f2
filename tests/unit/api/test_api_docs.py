"""The page that describes the API, and the examples that it shows."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator

from scheduler.api.description import docs, examples
from scheduler.api.description.routes import ROUTES
from tests.unit.api.conftest import DOCUMENT, Api

SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]


class Elements(HTMLParser):
    """The elements of a page, each with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


async def test_the_page_shows_every_route_and_schema(api: Api) -> None:
    page = (await api.get("/-/docs")).text

    for route in ROUTES:
        assert f'id="{route.name}"' in page
        assert f"<code>{route.method} {route.path}</code>" in page
    assert all(f'id="schema-{name}"' in page for name in SCHEMAS)


async def test_every_link_of_the_page_leads_somewhere(api: Api) -> None:
    elements = Elements((await api.get("/-/docs")).text).found
    anchors = {f"#{attributes['id']}" for _, attributes in elements if "id" in attributes}
    links = {attributes["href"] for tag, attributes in elements if tag == "a"}

    assert links - anchors == {"openapi.json"}


async def test_the_page_loads_nothing_and_runs_nothing(api: Api) -> None:
    """The page must work offline, and any text in it must not become markup."""
    answer = await api.get("/-/docs")
    elements = Elements(answer.text).found

    assert not {tag for tag, _ in elements} & {"script", "link", "img", "iframe", "form", "object"}
    assert not {name for _, attributes in elements for name in attributes if name[:2] == "on"}
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "url(" not in docs.STYLE


def test_text_of_the_document_is_never_markup() -> None:
    operation = {"operationId": "a", "summary": "<b>", "responses": {}}
    document = {
        "info": {"title": "<i>", "version": "1", "description": "- <u>"},
        "paths": {"/<p>": {"get": operation}},
        "components": {"schemas": {"X": {"description": "<q>", "examples": ["<s>"]}}},
    }
    assert not re.findall("<[iuqs]>", docs.page(document))


@pytest.mark.parametrize("name", sorted(examples.BY_SCHEMA))
def test_an_example_is_one_of_its_schema(name: str) -> None:
    schema = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    OAS31Validator(schema).validate(examples.BY_SCHEMA[name])
    assert SCHEMAS[name]["examples"] == [examples.BY_SCHEMA[name]]


def test_every_problem_of_every_route_has_an_example() -> None:
    """Otherwise the author of a client would have to cause each problem to see one."""
    for item in DOCUMENT["paths"].values():
        for operation in item.values():
            for answer in operation["responses"].values():
                for media, content in answer.get("content", {}).items():
                    if media == "application/problem+json":
                        schema = {**content["schema"], "components": DOCUMENT["components"]}
                        values = [each["value"] for each in content["examples"].values()]
                        assert values
                        for value in values:
                            OAS31Validator(schema).validate(value)

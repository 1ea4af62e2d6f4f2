"""The page that describes the API, and the examples that it shows."""

from __future__ import annotations

import json
import re
import shlex
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator

from scheduler.api.description import docs, examples
from scheduler.api.description.routes import ROUTES
from scheduler.api.state import SERVICE
from scheduler.core.handler import HandlerOptions
from scheduler.core.tasks import Tasks
from tests.fakes import AT
from tests.unit.api.conftest import DOCUMENT, Api

SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
OPERATIONS: list[dict[str, Any]] = [
    operation for item in DOCUMENT["paths"].values() for operation in item.values()
]


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
        assert f">{route.method}</b> <code>{route.path}</code>" in page
    assert all(f'id="schema-{name}"' in page for name in SCHEMAS)


async def test_every_link_of_the_page_leads_somewhere(api: Api) -> None:
    elements = Elements((await api.get("/-/docs")).text).found
    anchors = {f"#{attributes['id']}" for _, attributes in elements if "id" in attributes}
    links = {attributes["href"] for tag, attributes in elements if tag == "a"}

    assert links - anchors == {"openapi.json", "ui/"}


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
    operation = {
        "operationId": "<i>",
        "tags": ["<u>"],
        "summary": "<q>",
        "description": "<s>",
        "parameters": [{"name": "<i>", "in": "query", "schema": {}, "description": "<q>"}],
        "responses": {"200": {"description": "<u>"}},
    }
    document = {
        "info": {"title": "<i>", "version": "1", "description": "- <u>"},
        "tags": [{"name": "<u>", "description": "<s>"}],
        "paths": {"/<q>": {"get": operation}},
        "components": {"schemas": {"X": {"description": "<q>", "examples": ["<s>"]}}},
    }
    assert not re.findall("<[iuqs]>", docs.page(document))


@pytest.mark.parametrize("name", sorted(examples.BY_SCHEMA))
def test_an_example_is_one_of_its_schema(name: str) -> None:
    schema = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    OAS31Validator(schema).validate(examples.BY_SCHEMA[name])
    assert SCHEMAS[name]["examples"] == [examples.BY_SCHEMA[name]]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each["operationId"])
def test_the_examples_of_an_operation_fit_their_schemas(operation: dict[str, Any]) -> None:
    """Who copies an example that is refused does not try a second one."""
    holders = [operation.get("requestBody", {}), *operation["responses"].values()]
    contents = [each for holder in holders for each in holder.get("content", {}).values()]
    examples = [
        (content["schema"], each["value"])
        for content in contents
        for each in content.get("examples", {}).values()
    ]
    parameters = operation.get("parameters", [])
    assert [each["name"] for each in parameters if "example" not in each] == []
    for schema, value in [*examples, *((each["schema"], each["example"]) for each in parameters)]:
        OAS31Validator({**schema, "components": DOCUMENT["components"]}).validate(value)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each["operationId"])
def test_every_body_of_json_or_text_has_an_example(operation: dict[str, Any]) -> None:
    """A schema says what is allowed, and an example what is usual."""
    holders = [operation.get("requestBody", {}), *operation["responses"].values()]
    without = [
        media
        for holder in holders
        for media, content in holder.get("content", {}).items()
        if "examples" not in content
    ]
    is_page = operation["operationId"] in {"docs", "page", "openapi"}
    assert bool(without) is is_page


async def test_a_command_of_the_page_works_as_it_stands(api: Api) -> None:
    """It is for the node that shows it, and nothing in it is left to be filled in."""
    page = unescape((await api.get("/-/docs")).text)
    host, port = api.client.host, api.client.port
    here = f"http://{host}:{port}"

    assert f"curl -X POST {here}/ \\\n  -H 'Content-Type: application/json' \\\n  -d '{{" in page
    job = examples.JOB["id"]
    assert f"curl '{here}/ada/{job}?wait=30'" in page
    assert f"curl -X DELETE '{here}/ada?status=queued,running'" in page
    assert f"curl -N '{here}/-/events?log=true'" in page
    assert "127.0.0.1:8000" not in page


@pytest.mark.parametrize(
    ("doc", "data"),
    [
        ('Greet somebody: {"name": "Zoë", "n": {}}.', {"name": "Zoë", "n": {}}),
        ("Greet {name}.", {}),
        (None, {}),
    ],
)
async def test_a_command_of_the_page_names_a_handler_of_the_node(
    api: Api, monkeypatch: pytest.MonkeyPatch, doc: str | None, data: object
) -> None:
    """And data that it takes, where its docstring shows some; also after it was loaded anew."""
    assert "task1" in await commands(api)
    tasks = Tasks({"it's <b>": HandlerOptions(name="it's <b>", doc=doc)}, loaded_at=AT)
    monkeypatch.setattr(api.client.app[SERVICE], "tasks", tasks)
    shown = await commands(api)
    assert "task1" not in shown
    command = next(each for each in shown.split("curl ") if '"task"' in each)
    assert json.loads(shlex.split(command)[-1]) == {"uid": "ada", "task": "it's <b>", "data": data}


async def commands(api: Api) -> str:
    """All commands of the page, as its reader sees them."""
    page = (await api.get("/-/docs")).text
    return unescape("".join(re.findall(r"<pre>(curl .*?)</pre>", page, re.DOTALL)))


@pytest.mark.parametrize("origin", ["http://a;reboot", "http://a b", "ftp://a", "http://a/`id`"])
def test_an_address_that_is_no_plain_url_is_not_put_into_commands(origin: str) -> None:
    """The address is what the client sent as its Host; the commands are for a shell."""
    page = docs.page(DOCUMENT)
    assert docs.at(origin, page) == page
    assert docs.at("https://jobs.example/scheduler", page) != page


@pytest.mark.parametrize(
    ("operation", "detail"),
    [
        ("submit", "/task: missing; allowed: the name of a handler"),
        ("abort_ordered", "/id: missing; allowed: the id of a job, as text"),
        ("list_jobs", 'limit: got "0"; allowed: how many at most, 1 to 1000'),
        (
            "abort_jobs",
            "status: got \"failed\": jobs that are 'failed' elsewhere are",
        ),
        ("get_job", 'wait: got "90"; allowed: seconds to wait'),
        ("list_hook_calls", 'uid: got "-"; allowed: '),
        ("read_log", 'follow: got "maybe"; allowed: true or false'),
    ],
)
def test_the_example_of_a_refusal_is_one_of_this_operation(operation: str, detail: str) -> None:
    """In the words of the node: an example with a foreign parameter misleads."""
    (found,) = (each for each in OPERATIONS if each["operationId"] == operation)
    content = found["responses"]["400"]["content"]["application/problem+json"]
    example = content["examples"]["invalid-request"]["value"]
    assert example["detail"].startswith(detail)
    assert ": ".join(example["errors"][0].values()) == example["detail"]


async def test_the_page_says_what_a_parameter_is_when_it_is_left_out(api: Api) -> None:
    page = (await api.get("/-/docs")).text
    assert "<code>limit</code> <span>query, integer, default 100</span>" in page
    assert page.count("robots.txt") == 1


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

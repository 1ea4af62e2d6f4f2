"""The OpenAPI 3.1 document, made from the routes and from the models that check their requests.

Route ─▶ operation ─┬─ parameters   from the models of the path and query, and from the headers
                    ├─ requestBody  from the model of the body
                    └─ responses    from the shapes of its responses, and its problems by status
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from scheduler import __version__
from scheduler.api.description import examples, operation_examples, shapes
from scheduler.api.description.route import RATE_LIMIT, ResponseDescription, Route
from scheduler.api.description.tags import TAGS, tag_of
from scheduler.api.description.wrong_requests import refusal_of
from scheduler.api.problems import (
    INVALID,
    JOB_ENDED,
    KINDS,
    NOT_OVER,
    NOT_QUEUED,
    NOT_READY,
    QUOTA_EXCEEDED,
    UNIQUE_TAKEN,
    Kind,
)
from scheduler.api.reserved import RESERVED
from scheduler.core.access.principal import Right

Json = dict[str, Any]
Shape = Any
"""Any type that pydantic knows."""

REF: Final = "#/components/schemas/{model}"
TOKEN: Final = "token"  # noqa: S105 - a name
SCHEME: Final = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "atl_<id>_<secret>",
    "description": "A token of this installation. Where `[auth] mode` is `none`, nobody needs one.",
}
SHAPES: Final[Mapping[Kind, type[BaseModel]]] = {
    INVALID: shapes.Refusal,
    JOB_ENDED: shapes.Ended,
    NOT_OVER: shapes.NotOver,
    UNIQUE_TAKEN: shapes.UniqueTaken,
    NOT_QUEUED: shapes.NotQueued,
    NOT_READY: shapes.Obstacles,
    QUOTA_EXCEEDED: shapes.Exceeded,
}
"""The shapes of problems with members of their own; all others have `shapes.Problem`."""


def document(routes: Sequence[Route]) -> Json:
    """The whole document."""
    schemas = _Schemas(routes)
    paths: Json = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    for name, schema in schemas.components.items():
        if name in examples.BY_SCHEMA:
            schema["examples"] = [examples.BY_SCHEMA[name]]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "AtlanScheduler",
            "version": __version__,
            "description": "Jobs over HTTP, each in a process of its own, each stoppable at once."
            f" No user can be named {', '.join(RESERVED)}: these are taken for paths of the node."
            " Nor can one be named . or .., which are steps in a path."
            f"\n\nProblems have one of these types:\n\n{_kinds()}",
            "contact": {"name": "The AtlanScheduler developers"},
            "license": {"name": "MIT License", "identifier": "MIT"},
        },
        "servers": [{"url": "..", "description": "the node that serves this document"}],
        "tags": [tag._asdict() for tag in TAGS],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.components.items())),
            "securitySchemes": {TOKEN: SCHEME},
        },
    }


def _kinds() -> str:
    return "\n".join(f"- `{kind.uri}` ({kind.status}): {kind.title}" for kind in KINDS)


def _operation(route: Route, schemas: _Schemas) -> Json:
    operation: Json = {
        "operationId": route.name,
        "tags": [tag_of(route.function).name],
        "summary": route.summary,
        "description": "\n\n".join(filter(None, (route.description, _role(route)))),
        "security": [] if route.right is Right.OPEN else [{TOKEN: []}],
    }
    parameters = [
        *_parameters(route.path_parameters, "path", schemas),
        *_parameters(route.query, "query", schemas),
        *_headers(route),
    ]
    if parameters:
        operation["parameters"] = parameters
    if route.body is not None:
        operation["requestBody"] = {
            "required": route.needs_body,
            "content": _content(route.name, None, "application/json", route.body, schemas),
        }
    responses = {
        str(code): _response(route.name, code, each, schemas)
        for code, each in route.responses.items()
    }
    return operation | {"responses": responses | dict(_problems(route, schemas))}


def _role(route: Route) -> str:
    """The role that a route needs, in words."""
    return f"Needs a token with the role `{route.right.value}`." if route.right.value else ""


def _parameters(model: type[BaseModel] | None, where: str, schemas: _Schemas) -> Iterator[Json]:
    if model is None:
        return
    schema = schemas.taken(model)
    for name, of_field in schema["properties"].items():
        described = {
            "name": name,
            "in": where,
            "required": name in schema.get("required", ()),
            "description": of_field.pop("description"),
            "schema": _of_text(of_field),
            **_example(name),
        }
        if of_field.get("type") == "array":
            described |= {"style": "form", "explode": False}
        yield described


def _example(parameter: str) -> Json:
    values = operation_examples.PARAMETERS
    return {"example": values[parameter]} if parameter in values else {}


def _of_text(schema: Json) -> Json:
    """The schema of a parameter: as text it is never null, an integer or an empty list."""
    if "anyOf" in schema:
        return dict(schema["anyOf"][0])
    return {key: each for key, each in schema.items() if (key, each) != ("default", [])}


def _headers(route: Route) -> Iterator[Json]:
    for name, meaning in route.headers.items():
        pattern = {"pattern": route.patterns[name]} if name in route.patterns else {}
        schema = {"type": "string", **pattern}
        described = {"name": name, "in": "header", "description": meaning, "schema": schema}
        yield described | _example(name)


def _response(name: str, code: int, response: ResponseDescription, schemas: _Schemas) -> Json:
    headers = {header: _text(meaning) for header, meaning in response.headers.items()}
    described: Json = {"description": response.description}
    if response.shape is not None:
        described["content"] = _content(name, code, response.media, response.shape, schemas)
    return described | ({"headers": headers} if headers else {})


def _problems(route: Route, schemas: _Schemas) -> Iterator[tuple[str, Json]]:
    by_status = attrgetter("status")
    kinds = sorted(route.every_problem, key=by_status)
    for status, same in groupby(kinds, key=by_status):
        yield str(status), _problem(list(same), route, schemas)


def _problem(kinds: Sequence[Kind], route: Route, schemas: _Schemas) -> Json:
    described_by = [
        {
            "allOf": [schemas.of(SHAPES.get(kind, shapes.Problem), "serialization")],
            "properties": {"type": {"const": kind.uri}, "status": {"const": kind.status}},
        }
        for kind in kinds
    ]
    described: Json = {
        "description": "; or: ".join(kind.title for kind in kinds),
        "content": {
            "application/problem+json": {
                "schema": described_by[0] if len(kinds) == 1 else {"oneOf": described_by},
                "examples": {
                    kind.name: {"summary": kind.title, "value": _problem_example(kind, route)}
                    for kind in kinds
                },
            }
        },
    }
    if headers := _problem_headers(kinds):
        described["headers"] = headers
    return described


def _problem_headers(kinds: Sequence[Kind]) -> Json:
    if kinds[0].status not in (429, 503):
        return {}
    retry = {"description": "seconds after which to try again", "schema": {"type": "integer"}}
    of_quota = RATE_LIMIT.items() if QUOTA_EXCEEDED in kinds else ()
    return {"Retry-After": retry, **{name: _text(meaning) for name, meaning in of_quota}}


def _text(meaning: str) -> Json:
    """A header with any text."""
    return {"description": meaning, "schema": {"type": "string"}}


def _problem_example(kind: Kind, route: Route) -> Json:
    return examples.of_problem(kind) | (refusal_of(route) if kind is INVALID else {})


def _content(
    name: str,
    code: int | None,
    media: str,
    shape: Any,  # noqa: ANN401 - any type that pydantic knows
    schemas: _Schemas,
) -> Json:
    """The body of a request (without a `code`) or of a response."""
    schema = schemas.of(shape, "validation" if code is None else "serialization")
    return {media: {"schema": schema, **operation_examples.of_body(name, code, schema)}}


class _Schemas:
    """The schemas of all that the routes take and answer.

    They are generated together: one by one takes pydantic ten times as long.
    """

    def __init__(self, routes: Sequence[Route]) -> None:
        wanted = list(dict.fromkeys(_shapes(routes)))
        schemas, definitions = TypeAdapter.json_schemas(
            [(nth, mode, TypeAdapter(shape)) for nth, (shape, mode) in enumerate(wanted)],
            ref_template=REF,
        )
        self._of = {each: schemas[nth, each[1]] for nth, each in enumerate(wanted)}
        self.components: Json = definitions["$defs"]
        """Those of the types that have a name."""
        self._taken: dict[str, Json] = {}

    def of(self, shape: Shape, mode: JsonSchemaMode) -> Json:
        """The schema of a type."""
        return self._of[shape, mode]

    def taken(self, model: type[BaseModel]) -> Json:
        """A copy of a model's own schema, which is no component then."""
        name = self.of(model, "validation")["$ref"].rpartition("/")[2]
        if name not in self._taken:
            self._taken[name] = self.components.pop(name)
        return deepcopy(self._taken[name])


def _shapes(routes: Sequence[Route]) -> Iterator[tuple[Shape, JsonSchemaMode]]:
    """Every type that the document describes, and whether it comes in or goes out."""
    yield from ((shape, "serialization") for shape in (shapes.Problem, *SHAPES.values()))
    for route in routes:
        for taken in (route.path_parameters, route.query, route.body):
            if taken is not None:
                yield taken, "validation"
        for response in route.responses.values():
            if response.shape is not None:
                yield response.shape, "serialization"

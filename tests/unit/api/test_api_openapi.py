"""The OpenAPI document: valid, complete, and made from what really checks the requests."""

from __future__ import annotations

import inspect

import pytest
from openapi_spec_validator import validate

from scheduler.api.description.described import described
from scheduler.api.description.routes import ROUTES
from scheduler.api.problems import BY_ERROR, BY_STATUS, KINDS
from scheduler.core import errors
from scheduler.core.job import HoldReason
from tests.unit.api.conftest import DOCUMENT, Api


async def test_the_document_is_valid_openapi(api: Api) -> None:
    answer = await api.get("/-/openapi.json")

    validate(answer.json)
    assert answer.json == DOCUMENT


@pytest.fixture
def _not_described() -> None:
    described.cache_clear()


@pytest.mark.usefixtures("_not_described", "api")
async def test_the_description_is_made_once_and_not_before_it_is_asked_for(api: Api) -> None:
    await api.get("/-/health")
    assert described.cache_info().misses == 0

    for path in ("/-/openapi.json", "/-/docs", "/-/openapi.json"):
        await api.get(path)

    assert described.cache_info().misses == 1


def test_every_route_is_in_the_document() -> None:
    described = {(m.upper(), path) for path, item in DOCUMENT["paths"].items() for m in item}

    assert described == {(route.method, route.path) for route in ROUTES}


def test_every_operation_has_a_name_of_its_own_and_a_summary() -> None:
    operations = [each for item in DOCUMENT["paths"].values() for each in item.values()]

    assert len({each["operationId"] for each in operations}) == len(operations)
    assert all(each["summary"].endswith(".") for each in operations)
    assert [each["operationId"] for each in operations if not each["description"]] == []
    tags = {tag["name"] for tag in DOCUMENT["tags"]}
    assert {name for each in operations for name in each["tags"]} == tags


async def test_every_route_that_is_served_is_in_the_document(api: Api) -> None:
    assert api.client.app is not None
    served = {
        (route.method, route.resource.canonical)
        for route in api.client.app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    # What the dashboard loads is internal, and may change with any version.
    served = {(method, path) for method, path in served if not path.startswith("/-/ui")}

    assert served | {("GET", "/-/ui/")} == {(route.method, route.path) for route in ROUTES}


def test_every_problem_is_described() -> None:
    assert all(kind.uri in DOCUMENT["info"]["description"] for kind in KINDS)
    described = {kind for route in ROUTES for kind in route.every_problem}
    anywhere = {kind for kind in KINDS if kind.status in (404, 405, 417, 431)}
    assert described | anywhere == set(KINDS)
    assert len({kind.uri for kind in KINDS}) == len(KINDS)
    assert all(kind.status == status for status, kind in BY_STATUS.items())


def test_every_error_that_a_request_can_meet_is_a_problem() -> None:
    """A forgotten error would be answered as an internal error."""
    classes = [each for _, each in inspect.getmembers(errors, inspect.isclass)]
    all_errors = {each for each in classes if issubclass(each, errors.SchedulerError)}
    never_raised = {errors.SchedulerError, errors.Unavailable}

    assert set(BY_ERROR) == all_errors - never_raised - {errors.StartError}


def test_the_parameters_of_a_route_are_those_that_are_checked() -> None:
    listed = DOCUMENT["paths"]["/{uid}"]["get"]["parameters"]

    assert [(each["in"], each["name"]) for each in listed] == [
        ("path", "uid"),
        ("query", "status"),
        ("query", "task"),
        ("query", "limit"),
        ("query", "after"),
        ("query", "parent"),
        ("query", "data"),
        ("query", "group"),
    ]
    assert listed[3]["schema"]["maximum"] == 1000
    assert all(each["description"] for each in listed)


@pytest.mark.parametrize("model", ["NewJob", "AbortOrder"])
def test_a_body_takes_no_unknown_fields(model: str) -> None:
    assert DOCUMENT["components"]["schemas"][model]["additionalProperties"] is False


def test_bounds_are_written_in_the_words_of_json_schema() -> None:
    """Behind a validator pydantic writes its own, `ge` and `le`, which every reader ignores."""
    assert {"ge", "gt", "le", "lt"}.isdisjoint(_keywords(DOCUMENT["components"]["schemas"]))
    assert {"minimum", "maximum"} <= _keywords(DOCUMENT["components"]["schemas"])


def _keywords(part: object) -> set[str]:
    match part:
        case dict():
            return {*part}.union(*map(_keywords, part.values()))
        case list():
            return set().union(*map(_keywords, part))
        case _:
            return set()


def test_each_reason_to_wait_is_explained() -> None:
    explained = DOCUMENT["components"]["schemas"]["Waits"]["properties"]["for"]["description"]

    assert [reason for reason in (*HoldReason, "quota") if f"`{reason}`" not in explained] == []

"""A wrong request for each operation, refused as the node refuses it: examples of answer 400."""

from __future__ import annotations

from typing import Any, Final, get_args

from scheduler.api.description.route import Route
from scheduler.api.requests.checking import checked
from scheduler.api.requests.models import Query
from scheduler.core.errors import Invalid

WRONG: Final = {
    "limit": "0",
    "wait": "90",
    "status": "failed",
    "log": "maybe",
    "follow": "maybe",
    "abort": "maybe",
}
"""A wrong value of a parameter, by its name; each query has one of these parameters."""
INCOMPLETE: Final = {"uid": "ada"}
"""A body that lacks a field, whatever it is for."""
UNKNOWN: Final = {"all": "true"}
"""A parameter of an operation that takes none."""


def refusal_of(route: Route) -> dict[str, Any]:
    """The members of the problem that only this operation's refusal has."""
    try:
        _send_wrong(route)
    except Invalid as error:
        return {"detail": str(error), "errors": [flaw._asdict() for flaw in error.flaws]}
    raise AssertionError(route.name)


def _send_wrong(route: Route) -> None:
    if route.body is not None:
        one, *_ = get_args(route.body) or (route.body,)
        checked(one, INCOMPLETE, prefix="/")
    elif route.query is not None:
        checked(route.query, _wrong(route.query), prefix="", noun="parameter")
    elif route.path_parameters is not None:
        checked(route.path_parameters, {"uid": "-", "id": "1"}, prefix="")
    else:
        checked(Query, UNKNOWN, prefix="", noun="parameter")


def _wrong(query: type[Query]) -> dict[str, str]:
    name = next(name for name in WRONG if name in query.model_fields)
    return {name: WRONG[name]}

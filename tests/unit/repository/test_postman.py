"""The Postman collection matches the API; `.ci/run` runs it with newman against a node."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from scheduler.api.description.routes import ROUTES
from scheduler.api.reserved import RESERVED
from tests.support.nodes import ROOT

PATTERNS = {(route.method, re.sub(r"\{\w+\}", r"[^/]+", route.path)) for route in ROUTES}


def requests(items: list[Any]) -> Iterator[tuple[str, str]]:
    """Each request's method and path, without its query."""
    for item in items:
        if "request" in item:
            request = item["request"]
            yield request["method"], request["url"]["raw"].removeprefix("{{baseUrl}}").split("?")[0]
        yield from requests(item.get("item", []))


def test_every_request_of_the_collection_meets_a_route() -> None:
    """An outdated collection would teach requests that do not work."""
    collection = json.loads((ROOT / "docs" / "postman_collection.json").read_text())
    asked = list(requests(collection["item"]))

    assert len(asked) > 15
    for method, path in asked:
        if path.removeprefix("/") in RESERVED:  # it shows the answer to a mistyped path
            continue
        assert any(method == verb and re.fullmatch(each, path) for verb, each in PATTERNS), path


def test_every_request_brings_the_token_that_is_empty_at_first() -> None:
    """Without a token the collection is for a node that asks for none, and no file has one."""
    collection = json.loads((ROOT / "docs" / "postman_collection.json").read_text())
    (bearer,) = collection["auth"]["bearer"]
    assert (collection["auth"]["type"], bearer["value"]) == ("bearer", "{{token}}")
    values = {each["key"]: each["value"] for each in collection["variable"]}
    assert (values["token"], values["made"]) == ("", "")


@pytest.mark.parametrize(
    ("folder", "tools"),
    [("newman", ["newman"]), ("openapi", ["@redocly/cli", "@stoplight/spectral-cli"])],
)
def test_what_npm_brings_is_pinned_with_hashes(folder: str, tools: list[str]) -> None:
    """CI installs it each time: a package that was changed since must not get in."""
    lock = json.loads((ROOT / ".ci" / folder / "package-lock.json").read_text())
    packages = {name: package for name, package in lock["packages"].items() if name}

    assert {f"node_modules/{tool}" for tool in tools} <= set(packages)
    pinned = (each for name, each in packages.items() if not each.get("inBundle"))
    assert [each for each in pinned if "sha512-" not in each["integrity"]] == []

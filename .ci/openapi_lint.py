"""Lints a node's OpenAPI document, by Redocly and Spectral."""

from __future__ import annotations

import urllib.request

import npm


def run(url: str) -> None:
    """Lint it by all rules of both; a flaw raises."""
    with npm.installed("openapi") as folder:
        if folder is None:
            print("npm is not here, so the OpenAPI document was not linted")
            return
        with urllib.request.urlopen(f"{url}/-/openapi.json", timeout=30) as answer:  # noqa: S310
            (folder / "openapi.json").write_bytes(answer.read())
        npm.run(folder, "redocly", "lint", "--format", "stylish", "openapi.json")
        npm.run(folder, "spectral", "lint", "--fail-severity", "hint", "openapi.json")
    print("the OpenAPI document: Redocly and Spectral find nothing")

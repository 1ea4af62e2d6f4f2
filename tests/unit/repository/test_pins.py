"""What is installed is what was reviewed: each package is pinned, by its hashes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.support.nodes import ROOT
from tests.support.pages.readme import table

LOCKS = sorted(ROOT.glob("requirements*.txt"))
PIN = re.compile(r"(?P<name>[A-Za-z0-9_.-]+)(\[[\w,-]+\])?==(?P<version>\S+)( ; [^\\]+)? \\")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_package_is_pinned_with_its_hashes(lock: Path) -> None:
    """A registry, or who is between it and us, could give us another file for the same version."""
    lines = lock.read_text("utf-8").splitlines()
    pins = [number for number, line in enumerate(lines) if PIN.fullmatch(line)]
    assert len(pins) > 5
    hashes = [number for number, line in enumerate(lines) if HASH.fullmatch(line)]
    assert len(pins) + len(hashes) == len(lines), "nothing else is in it"
    assert [number for number in pins if number + 1 not in hashes] == []


@pytest.mark.parametrize(
    "lock", [*ROOT.glob(".ci/*/package-lock.json")], ids=lambda each: each.parent.name
)
def test_every_package_of_npm_is_pinned_with_its_hash(lock: Path) -> None:
    """The same for what CI fetches."""
    packages = json.loads(lock.read_text("utf-8"))["packages"]
    assert len(packages) > 5
    assert [name for name, each in packages.items() if name and "integrity" not in each] == []


@pytest.mark.parametrize("file", ["Makefile", "Dockerfile"])
def test_the_hashes_are_asked_for(file: str) -> None:
    """A lock that is not obeyed protects nobody."""
    commands = re.findall(r"pip install.*", (ROOT / file).read_text("utf-8").replace("\\\n", " "))
    assert commands
    assert [
        each for each in commands if "--require-hashes" not in each and "--no-deps" not in each
    ] == []


def test_the_page_shows_the_versions_that_a_node_runs_with() -> None:
    """Whoever hears of a vulnerability looks there whether it concerns him."""
    lines = (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    pins = [(found["name"], found["version"]) for line in lines if (found := PIN.fullmatch(line))]
    rows = table("docs/dependencies.md", "running a node")
    assert [(name.strip("`"), version) for name, version, _ in rows] == pins
    assert all(re.fullmatch(r"20\d\d-\d\d|unknown", released) for *_, released in rows)

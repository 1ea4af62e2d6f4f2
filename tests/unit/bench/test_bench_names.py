"""The benchmarks' modules that are known by name only are there."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.cases import speed_cases
from bench.cases.abort_cases import PEERS
from bench.harness.run import ROOT
from bench.peers.environments import REQUIREMENTS

BENCH = ROOT / "bench"
SPEED_PEERS = {*speed_cases.NOOPS, *speed_cases.COMPUTERS, *speed_cases.STARTERS}
PEER_MODULES = [
    *(f"bench.peers.abort.{name}" for name in PEERS),
    *(f"bench.peers.speed.{name}" for name in SPEED_PEERS),
]


def strings(file: Path) -> Iterator[str]:
    """The strings of a file that begin like the name of a module of ours."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Constant) and str(node.value).startswith("bench."):
            yield str(node.value).rstrip(".")


def is_module(name: str) -> bool:
    """By its file: to look a peer's module up would import packages that are not installed here."""
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def test_names_in_strings_are_those_of_modules_or_of_something_in_them() -> None:
    """A peer's worker with another name does not start, and its output goes nowhere."""
    found = {name for file in BENCH.rglob("*.py") for name in strings(file)}
    modules = {name.partition(":")[0] for name in found}
    assert len(modules) > len(SPEED_PEERS)
    unknown = {
        name for name in modules if not is_module(name) and not is_module(name.rpartition(".")[0])
    }
    assert unknown == set()


@pytest.mark.parametrize("name", sorted(PEER_MODULES))
def test_each_peer_has_a_module_and_pinned_packages(name: str) -> None:
    """It is started by its name, in an environment of that name."""
    assert is_module(name)
    assert (REQUIREMENTS / f"{name.rpartition('.')[2]}.txt").is_file()


def test_packages_that_peers_import_import_nothing() -> None:
    """The peers' virtual environments have none of our dependencies."""
    packages = [BENCH, BENCH / "jobs", *(BENCH / "peers").glob("**/")]
    inits = [file for each in packages if (file := each / "__init__.py").exists()]
    assert len(inits) == 5
    for file in inits:
        tree = ast.parse(file.read_text("utf-8"))
        assert not [node for node in tree.body if not isinstance(node, ast.Expr)], file

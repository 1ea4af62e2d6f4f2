"""Which modules the client, the command line and pool processes load."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields

import pytest

from atlanscheduler_client import shapes
from scheduler.core import job as core
from tests.support.nodes import ROOT

SERVER = {
    "aiosqlite",
    "asyncpg",
    "orjson",
    "prometheus_client",
    "pydantic",
    "redis",
    "scheduler.api",
    "scheduler.node.config.loading",
    "scheduler.node.life",
    "scheduler.core.ports",
    "scheduler.store",
    "structlog",
    "uvloop",
}
COMMAND_LINE = {"argparse", "rich", "atlanscheduler_client", "typer"}


def loaded(code: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after running the code."""
    script = f"import sys\ntry:\n    {code}\nfinally:\n    print('LOADED', *sys.modules)"
    output = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    return set(output.rpartition("LOADED ")[2].split())


def test_the_client_loads_nothing_of_the_server() -> None:
    """A program that submits a job needs no database driver, and for `Client` no aiohttp."""
    assert not loaded("import atlanscheduler_client") & {*SERVER, "aiohttp"}
    assert not loaded("from atlanscheduler_client import AsyncClient") & SERVER


def test_without_aiohttp_an_error_says_how_to_get_it() -> None:
    """Aiohttp is an extra of the package: that it is missing is the usual case."""
    code = (
        "import sys; sys.modules['aiohttp'] = None; from atlanscheduler_client import AsyncClient"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=False, capture_output=True, text=True
    )
    *_, last = ended.stderr.splitlines()
    assert last.startswith("ImportError: AsyncClient needs aiohttp (")
    assert last.endswith("pip install 'atlanscheduler-client[async]'")


@pytest.mark.parametrize("arguments", [["--help"], ["submit", "--help"], ["wait", "--help"]])
def test_help_loads_neither_the_server_nor_anything_as_heavy(arguments: list[str]) -> None:
    """Users ask for it while they type a command, and should not have to wait."""
    modules = loaded(f"sys.argv[1:] = {arguments}; import main; main.main()")
    assert "typer" in modules
    assert not modules & {*SERVER, "aiohttp", "asyncio"}


def test_a_pool_process_loads_no_command_line() -> None:
    """Each one imports main.py, and would spend time and memory on it."""
    assert not loaded("import main") & {*SERVER, *COMMAND_LINE, "aiohttp"}


@pytest.mark.parametrize("name", ["Status", "FailureKind", "Cleanup"])
def test_the_client_has_each_word_for_a_job(name: str) -> None:
    """It has its own, since it stands alone: a new one must be in both."""
    assert list(getattr(shapes, name)) == list(getattr(core, name))


@pytest.mark.parametrize("name", ["Progress", "Failure"])
def test_the_client_has_each_field_of_a_job(name: str) -> None:
    mine, its = (fields(getattr(module, name)) for module in (shapes, core))
    assert [(each.name, each.default) for each in mine] == [(e.name, e.default) for e in its]


def test_the_client_knows_which_statuses_are_final() -> None:
    assert set(map(str, shapes.FINAL)) == set(map(str, core.FINAL))

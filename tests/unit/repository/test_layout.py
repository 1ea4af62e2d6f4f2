"""The layout holds: packages on the map, bounds on what grows, imports that go one way.

Each bound is a little above what there is: what reaches it wants to be parted, not a new bound.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

from scheduler.node import preflight
from scheduler.processes import generation
from scheduler.processes.child import failures
from scheduler.processes.warden import watch
from tests.support.nodes import ROOT
from tests.unit.client.test_client_imports import COMMAND_LINE, SERVER

MODULES_MAX = 16
"""In one folder, beside its `__init__.py` and `conftest.py`."""
LINES_MAX = 60
"""Of one function."""
COLLABORATORS_MAX = 10
"""Of one constructor."""

PACKAGE = ROOT / "scheduler"
CLIENT = ROOT / "atlanscheduler_client"
MODULES = sorted([*PACKAGE.rglob("*.py"), *CLIENT.rglob("*.py")])


def names(modules: list[Path]) -> list[str]:
    return [str(module.relative_to(ROOT)) for module in modules]


def functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Every function of the package, with where it is."""
    for module in MODULES:
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{module.relative_to(ROOT)}:{node.lineno} {node.name}", node


def test_every_module_says_what_it_is_for() -> None:
    """Its first sentence is what a reader decides by whether to open it."""
    silent = [
        module
        for module in MODULES
        if len(ast.get_docstring(ast.parse(module.read_text("utf-8"))) or "") < len("A sentence.")
    ]
    assert names(silent) == []


def test_every_package_is_on_the_map() -> None:
    """A newcomer finds his way from `docs/inside.md` alone."""
    page = (ROOT / "docs" / "inside.md").read_text("utf-8")
    packages = [module.parent for module in MODULES if module.name == "__init__.py"]
    missing = [each for each in packages if f"`{each.relative_to(ROOT)}/`" not in page]
    assert names(missing) == []


def test_every_file_that_the_map_names_is_there() -> None:
    """A name that leads nowhere costs more than none."""
    page = (ROOT / "docs" / "inside.md").read_text("utf-8")
    named = re.findall(r"`([a-z_/]+\.(?:py|sql|toml|json|md))(?:: \w+)?`", page)
    folders = ("scheduler", "atlanscheduler_client", "docs", "tests")
    files = {str(file.relative_to(ROOT)) for each in folders for file in (ROOT / each).rglob("*.*")}
    files |= {file.name for file in ROOT.iterdir()}
    lost = [name for name in named if not any(f"/{file}".endswith(f"/{name}") for file in files)]
    assert len(named) > len("a map")
    assert lost == []


@pytest.mark.parametrize("folder", ["scheduler", "tests", "bench"])
def test_no_folder_grows_past_its_bound(folder: str) -> None:
    """What has more files than one can take in at a look hides the one that is looked for."""
    sizes = Counter(
        str(module.parent.relative_to(ROOT))
        for module in (ROOT / folder).rglob("*.py")
        if module.name not in {"__init__.py", "conftest.py"}
    )
    assert {each: size for each, size in sizes.items() if size > MODULES_MAX} == {}


def test_no_function_grows_past_a_page() -> None:
    """What is longer does several things, and each of them has a name."""
    long = [
        where for where, node in functions() if (node.end_lineno or 0) - node.lineno >= LINES_MAX
    ]
    assert long == []


def test_no_constructor_takes_too_many_collaborators() -> None:
    """What needs more knows too much of the rest."""
    many = [
        where
        for where, node in functions()
        if node.name == "__init__"
        and len(node.args.args) + len(node.args.kwonlyargs) - 1 > COLLABORATORS_MAX
    ]
    assert many == []


def test_imports_go_one_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The contracts in pyproject.toml, which `make check` looks at as well."""
    monkeypatch.chdir(ROOT)
    assert lint_imports(cache_dir=str(tmp_path), no_logo=True) == EXIT_STATUS_SUCCESS


@pytest.mark.parametrize("package", ["", ".core", ".processes", ".processes.child"])
def test_what_each_pool_process_imports_first_imports_nothing(package: str) -> None:
    """It runs the `__init__` of each of these packages, before anything else."""
    spec = find_spec(f"scheduler{package}")
    assert spec is not None
    assert spec.origin is not None
    tree = ast.parse(Path(spec.origin).read_text("utf-8"))
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Import)]
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    public = {
        "scheduler.core.context",
        "scheduler.core.handler",
        "scheduler.core.limits.declaration",
        "scheduler.core.retries.declaration",
        "scheduler.core.retries.overruling",
    }
    assert imported == (set() if package else public)


@pytest.mark.parametrize("name", [generation.PRELOAD, watch.__name__])
def test_modules_that_are_known_by_name_only_are_there(name: str) -> None:
    """A fork server that cannot import what to preload says nothing."""
    assert find_spec(name) is not None


@pytest.mark.parametrize("name", sorted(SERVER | COMMAND_LINE))
def test_modules_that_must_not_be_loaded_exist(name: str) -> None:
    """That nobody loads a module of a name that is no more proves nothing."""
    assert find_spec(name) is not None


def test_the_node_finds_this_package() -> None:
    """It hands the folder on to its fork server and its warden, as the place to import from."""
    assert preflight.ROOT / "scheduler" == PACKAGE


def test_own_frames_are_those_below_the_package() -> None:
    """Those of a user's folder whose name begins likewise are his, and stay in his tracebacks."""
    assert f"{PACKAGE}/node/life.py".startswith(failures.OWN_FOLDER)
    assert not f"{PACKAGE}_handlers/resize.py".startswith(failures.OWN_FOLDER)

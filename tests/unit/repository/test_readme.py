"""The README, CONTRIBUTING.md and the pages in `docs` say the same as the code."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest

from scheduler.api.description.routes import ROUTES
from scheduler.node.config.loading import SECTIONS
from scheduler.node.config.quotas import UserLimits
from scheduler.node.config.sections import Section
from scheduler.processes.child.loading.importing import load
from tests.support.nodes import ROOT
from tests.support.pages.readme import blocks, meanings, table
from tests.unit.handlers.shipped import FOLDER, Job

FIRST = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
"""The pages for whoever opens the repository: they name its files and its commands."""
PAGES = [*FIRST, ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]
NOT_THERE = {"README.md": {"handlers/greet.py"}, "CONTRIBUTING.md": set()}
"""Files that a page names and its reader writes."""


def headings(page: Path) -> set[str]:
    """The headings of a page as links name them."""
    found = re.findall(r"^#+ (.+)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in found}


def test_the_configuration_table_shows_every_key_with_its_default_and_meaning() -> None:
    """Whoever operates a node reads the table, not the code."""
    models: dict[str, type[Section]] = {**SECTIONS, 'quotas."*"': UserLimits}
    assert table("docs/configuration.md", "key") == [
        [f"`[{section}]` `{key}`", f"`{json.dumps(field.default)}`", meanings(model)[key]]
        for section, model in models.items()
        for key, field in model.model_fields.items()
    ]


def test_the_dependency_table_shows_every_package_in_the_order_of_its_list() -> None:
    """A new dependency says what it is for, what it replaces, and its licence; once is enough."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"].values()
    wanted = [*project["project"]["dependencies"], *(each for group in groups for each in group)]
    rows = [row for row in table("docs/dependencies.md", "package") if row[0].startswith("`")]
    assert [name.strip("`") for name, *_ in rows] == list(
        dict.fromkeys(re.split("[<>=~!]", requirement)[0] for requirement in wanted)
    )
    assert all(cell for row in rows for cell in row)


def test_the_dependency_page_shows_what_is_vendored_and_what_ci_fetches() -> None:
    """Whoever checks licences must see all that is not ours, and in which version."""
    vendored = (
        [cell.strip() for cell in line.split("|")]
        for folder in ROOT.glob("[!.]*/**/VENDORED")
        for line in folder.read_text().splitlines()
        if line[0] != "#"
    )
    used = {(name, version) for file, name, version, *_ in vendored if "LICENSE" not in file}
    for file in ROOT.glob(".ci/*/package.json"):
        used |= set(json.loads(file.read_text())["dependencies"].items())
    rows = table("docs/dependencies.md", "project")
    assert [(row[0].strip("`"), row[1]) for row in rows] == sorted(used)


def test_the_table_of_routes_shows_every_route() -> None:
    """What is not in it would be found by nobody, and what is gone would be tried in vain."""
    assert sorted(row[0] for row in table("docs/http.md", "route")) == sorted(
        f"`{route.method} {re.sub(r':[^/]*', '}', route.path)}`" for route in ROUTES
    )


@pytest.mark.parametrize("page", FIRST, ids=lambda page: page.name)
def test_the_folders_and_files_that_are_named_are_there(page: Path) -> None:
    """A page that leads to a file that was moved leads nowhere."""
    text = page.read_text()
    named = set(re.findall(r"(?<![\w/.])(?:scheduler|tests|handlers)/[\w/]+(?:\.py)?", text))
    named |= set(re.findall(r"`([\w.-]+\.(?:toml|txt|yaml|md))`", text))
    assert {name for name in named if not (ROOT / name).exists()} == NOT_THERE[page.name]


@pytest.mark.parametrize("page", FIRST, ids=lambda page: page.name)
def test_the_make_targets_that_are_named_are_there(page: Path) -> None:
    """Each is meant to be typed."""
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    named = set(re.findall(r"(?:`|^\$ )make ([a-z-]+)", page.read_text(), flags=re.MULTILINE))
    assert named >= {"run", "test"}
    assert named <= set(targets)


@pytest.mark.usefixtures("fresh_handlers")
def test_the_example_handler_loads_packs_and_cleans_up(below: Path, tmp_path: Path) -> None:
    """It is what a newcomer's first handler is copied from."""
    page = (ROOT / "docs" / "handlers.md").read_text()
    (example,) = (each.text for each in blocks(page) if '@handler("pack"' in each.text)
    folder = shutil.copytree(FOLDER, tmp_path / "handlers")
    (folder / "pack.py").write_text(example)
    pack = load(folder)["pack"]
    assert (pack.options.timeout_s, pack.options.grace_s, pack.options.undoable) == (600, 5, True)

    (below / "a.csv").write_text("a,b\n")
    job = Job(pack)
    assert job.run({"files": ["a.csv"], "archive": "a.tar.gz"}) == {"files": 1}
    with tarfile.open(below / "a.tar.gz") as archive:
        assert archive.getnames() == ["a.csv"]
    assert job.said[-1] == {"done": 1, "total": 1, "message": None}
    with pytest.raises(FileNotFoundError):
        Job(pack).run({"files": ["missing.csv"], "archive": "b.tar.gz"})
    assert sorted(file.name for file in below.iterdir()) == ["a.csv", "a.tar.gz"]

    (below / "b.tar.gz.1.partial").write_text("half an archive")
    for _ in range(2):
        Job(pack).undo({"files": ["a.csv"], "archive": "b.tar.gz"})
        assert sorted(file.name for file in below.iterdir()) == ["a.csv", "a.tar.gz"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_links_to_is_there(page: Path) -> None:
    """Also the heading in it that the link names."""
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", page.read_text()):
        there = (page.parent / target).resolve() if target else page
        assert there.exists(), f"{page.name} links to {target}"
        assert not anchor or anchor in headings(there), f"{page.name} links to {target}#{anchor}"


def test_the_examples_of_the_client_have_no_type_errors(tmp_path: Path) -> None:
    """The client is typed, and what is copied from a page is checked in the reader's project."""
    pages = [ROOT / "README.md", ROOT / "atlanscheduler_client/README.md", ROOT / "docs/client.md"]
    texts = [each.text for page in pages for each in blocks(page.read_text())]
    examples = [text for text in texts if "from atlanscheduler_client import" in text]
    assert len(examples) == 4
    for number, text in enumerate(examples):
        (tmp_path / f"example_{number}.py").write_text(text)
    check = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir=/dev/null"]
    environment = {**os.environ, "MYPYPATH": str(ROOT)}
    checked = subprocess.run(
        [*check, *map(str, sorted(tmp_path.iterdir()))],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout

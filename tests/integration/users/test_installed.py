"""The wheels, in an environment of their own: beside another package `scheduler`, in any folder."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import tomllib
import venv
from collections.abc import Iterator
from email import message_from_string
from pathlib import Path
from zipfile import ZipFile

import pytest

import atlanscheduler_client
from scheduler import __version__
from tests.support.nodes import ROOT

OTHER = "'''Another package of this name.'''\nNAME = 'another'\n"


class Environment:
    """A virtual environment with the wheels, and what they depend on."""

    def __init__(self, folder: Path, wheels: list[Path]) -> None:
        venv.create(folder, symlinks=True, with_pip=False)
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        self.packages = folder / "lib" / version / "site-packages"
        self.programs = folder / "bin"
        (self.packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
        (self.packages / "scheduler").mkdir()
        (self.packages / "scheduler" / "__init__.py").write_text(OTHER)
        pip = [sys.executable, "-m", "pip", "--python", str(self.programs / "python"), "install"]
        subprocess.run([*pip, "--quiet", "--no-index", "--no-deps", *wheels], check=True)

    def run(
        self, program: str, *arguments: str, folder: Path, url: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        own = {"PATH": os.environ["PATH"], "HOME": str(folder)}
        return subprocess.run(
            [self.programs / program, *arguments],
            cwd=folder,
            env={**own, **({"ATLANSCHEDULER_URL": url} if url else {})},
            check=False,  # tests look at the status
            capture_output=True,
            text=True,
            timeout=60,
        )


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The server's and the client's."""
    folder = tmp_path_factory.mktemp("dist")
    for project in (ROOT, ROOT / "atlanscheduler_client"):
        build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
        subprocess.run([*build, "--directory", str(folder)], cwd=project, check=True)
    return sorted(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def environment(wheels: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return Environment(tmp_path_factory.mktemp("environment"), wheels)


@pytest.fixture
def installed_node(environment: Environment, tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A node of the wheel in a folder that `init` has made; its folder and URL."""
    made = environment.run("atlanscheduler", "init", folder=tmp_path)
    assert made.returncode == 0, made.stderr
    process = subprocess.Popen(
        [environment.programs / "atlanscheduler"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "SCHEDULER_HTTP__PORT": "0"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process:
        found = re.search(r"http://[\d.:]+", process.stdout.readline())
        assert found
        yield tmp_path, found[0]
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_the_wheel_has_nothing_of_its_own_at_the_top_but_one_package(wheels: list[Path]) -> None:
    """Another package may be called `scheduler`; pip would overwrite it without a word."""
    server, client = (
        {name.partition("/")[0] for name in ZipFile(wheel).namelist()} for wheel in wheels
    )
    own = {"atlanscheduler", "atlanscheduler.pth"}
    assert server == {*own, f"atlanscheduler-{__version__}.dist-info"}
    name = "atlanscheduler_client"
    assert client == {name, f"{name}-{__version__}.dist-info"}


def test_another_package_named_scheduler_stays_what_programs_import(
    environment: Environment, tmp_path: Path
) -> None:
    code = "import scheduler; print(scheduler.NAME)"
    assert environment.run("python", "-c", code, folder=tmp_path).stdout == "another\n"
    version = environment.run("atlanscheduler", "--version", folder=tmp_path).stdout
    assert version == f"AtlanScheduler {__version__}\n"
    module = environment.run("python", "-m", "atlanscheduler", "--version", folder=tmp_path)
    assert module.stdout == version


def test_the_manual_is_where_the_help_says(environment: Environment, tmp_path: Path) -> None:
    """Whoever has only the wheel has no checkout to read in; and no link of it leads nowhere."""
    shown = environment.run("atlanscheduler", "--help", folder=tmp_path).stdout
    found = re.search(r"The manual: (/.+)$", shown, re.MULTILINE)
    assert found
    first = Path(found[1])
    assert first.is_relative_to(environment.packages)
    pages = [first, *(first.parent / "docs").glob("*.md")]
    assert len(pages) > 10
    for page in pages:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_description_of_a_wheel_has_no_links_into_a_checkout(wheels: list[Path]) -> None:
    """Package indexes show it, and there is nothing beside it."""
    for wheel in map(ZipFile, wheels):
        (name,) = (each for each in wheel.namelist() if each.endswith(".dist-info/METADATA"))
        _, _, text = wheel.read(name).decode().partition("\n\n")
        assert text.startswith("# ")
        assert "](" not in text


def test_a_start_that_is_refused_leaves_nothing_behind(
    environment: Environment, tmp_path: Path
) -> None:
    """Most often it is the wrong folder."""
    refused = environment.run("atlanscheduler", folder=tmp_path)
    assert refused.returncode == 2
    assert f"there is no config.toml and no folder handlers in {tmp_path}" in refused.stderr
    assert "`atlanscheduler init` makes both" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_init_makes_a_node_that_runs_its_first_handler(
    environment: Environment, installed_node: tuple[Path, str]
) -> None:
    """In an empty folder; the handler has progress, a result, and an undo."""
    folder, url = installed_node
    name = '{"name": "Ada", "seconds": 1}'
    submit = ("atlanscheduler", "submit", "ada", "hello", name)
    done = environment.run(*submit, "--wait", "--json", folder=folder, url=url)
    assert done.returncode == 0, done.stderr
    job = json.loads(done.stdout.splitlines()[-1])
    assert job["result"] == {"greetings": 1}
    assert job["progress"] == {"done": 1, "total": 1, "message": "greeted Ada"}
    assert len(list((folder / "files").iterdir())) == 1
    named = environment.run(*submit[:-1], '{"name": "Bob"}', folder=folder, url=url).stdout.strip()
    while len(list((folder / "files").iterdir())) == 1:
        time.sleep(0.05)
    aborted = environment.run("atlanscheduler", "abort", named, folder=folder, url=url)
    assert aborted.returncode == 0, aborted.stderr
    while len(list((folder / "files").iterdir())) > 1:  # undone
        time.sleep(0.05)


def test_init_makes_what_is_missing_and_overwrites_nothing(
    environment: Environment, tmp_path: Path
) -> None:
    """Somebody has handlers already; and it says where the node will be, whoever is there now."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config = f"[http]\nport = {port}\n"
        (tmp_path / "config.toml").write_text(config)
        made = environment.run("atlanscheduler", "init", folder=tmp_path)
    assert made.returncode == 0
    assert made.stdout.splitlines()[:2] == [
        "made handlers/hello.py",
        "config.toml is there already, and was left as it is",
    ]
    assert f"http://127.0.0.1:{port}, from config.toml (something listens there" in made.stdout
    assert (tmp_path / "config.toml").read_text() == config

    (tmp_path / "config.toml").unlink()
    (tmp_path / "handlers" / "hello.py").write_text("# mine\n")
    made = environment.run("atlanscheduler", "init", folder=tmp_path)
    assert made.stdout.startswith("made config.toml\nhandlers is there already, and was left")
    assert "http://127.0.0.1:8000, from config.toml" in made.stdout
    assert (tmp_path / "handlers" / "hello.py").read_text() == "# mine\n"

    refused = environment.run("atlanscheduler", "init", folder=tmp_path)
    assert refused.returncode == 2
    assert "config.toml and handlers are there already: nothing was made" in refused.stderr


def test_the_client_alone_needs_no_other_package(wheels: list[Path], tmp_path: Path) -> None:
    """A web application installs it, and not the scheduler."""
    with ZipFile(wheels[1]) as wheel:
        wheel.extractall(tmp_path)
    assert (tmp_path / "atlanscheduler_client" / "py.typed").exists()
    code = "import atlanscheduler_client as c; print(c.Client('http://127.0.0.1:1').close())"
    alone = [
        sys.executable,
        "-I",
        "-S",
        "-c",
        f"import sys; sys.path.append({str(tmp_path)!r}); {code}",
    ]
    assert subprocess.run(alone, check=True, capture_output=True, text=True).stdout == "None\n"


def test_the_wheels_say_what_they_are(wheels: list[Path]) -> None:
    """An index shows it; and a licence of a vendored file is one of the package."""
    server, client = (
        message_from_string(ZipFile(wheel).read(name).decode())
        for wheel in wheels
        for name in ZipFile(wheel).namelist()
        if name.endswith(".dist-info/METADATA")
    )
    vendored = (ROOT / "scheduler/api/dashboard/vendor").glob("*.LICENSE")
    of_server = {f"scheduler/api/dashboard/vendor/{file.name}" for file in vendored}
    assert set(server.get_all("License-File", [])) == {"LICENSE", *of_server}
    assert server["License-Expression"] == "MIT AND Apache-2.0"
    assert (client["License-Expression"], client.get_all("License-File")) == ("MIT", ["LICENSE"])
    for metadata in (server, client):
        assert metadata["Keywords"]
        classifiers = metadata.get_all("Classifier", [])
        assert "Typing :: Typed" in classifiers
        assert any(each.startswith("Operating System :: ") for each in classifiers)


def test_all_say_the_same_version() -> None:
    assert atlanscheduler_client.__version__ == __version__
    for file in ("pyproject.toml", "atlanscheduler_client/pyproject.toml"):
        assert tomllib.loads((ROOT / file).read_text())["project"]["version"] == __version__

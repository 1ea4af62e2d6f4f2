"""What the Dockerfile copies is all that a node needs, and it writes to nothing but the volumes."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

from tests.integration.deployed.machines import in_namespace
from tests.support.nodes import ROOT, Node
from tests.support.pages.dockerfile import arguments

OPEN = ("data", "files")
"""The folders of its volumes."""


def copied(app: Path) -> None:
    """Make the folder of the image."""
    app.mkdir()
    for line in arguments("COPY"):
        *sources, _ = line.split()
        for source in sources:
            if (ROOT / source).is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(ROOT / source, app / source, ignore=ignored)
            else:
                shutil.copy(ROOT / source, app)
    for folder in OPEN:
        (app / folder).mkdir()


def program(app: Path) -> list[str]:
    """Its entry point, with all else in the folder read-only, as it is for the image's user."""
    volumes = [f"mount --bind {app / each} {app / each}" for each in OPEN]
    mounts = [f"mount --bind {app} {app}", *volumes, f"mount -o remount,ro,bind {app}"]
    main = str(app / "main.py")
    return [*in_namespace(*mounts), sys.executable, "-W", "error", main]


def image_settings() -> dict[str, str]:
    """What the image sets in the environment, for a node."""
    pairs = [pair.split("=", 1) for line in arguments("ENV") for pair in shlex.split(line)]
    prefix = "SCHEDULER_"
    return {key.removeprefix(prefix): each for key, each in pairs if key.startswith(prefix)}


async def test_a_node_of_the_image_runs_and_aborts_jobs(tmp_path: Path) -> None:
    """A package that the image does not copy would be missed at the first start, by a user."""
    app, launch = tmp_path / "app", tmp_path / "launch.py"
    copied(app)
    before = set(app.rglob("*"))
    command = program(app)
    launch.write_text(
        f"import os\nif __name__ == '__main__':\n"
        f"    os.chdir({str(app)!r})\n    os.execvp({command[0]!r}, {command!r})\n"
    )
    settings = {
        **image_settings(),
        "NODE__DATA_DIR": "data",
        "HANDLERS__PATH": "handlers",
        "HANDLERS__FILES_DIR": "files",
    }
    node = Node(tmp_path / "node", settings, program=launch)
    node.url = node.url.replace("0.0.0.0", "127.0.0.1")  # noqa: S104 - where the test reaches it
    try:
        assert (await node.call("GET", "/-/tasks"))[0] == 401
        node.token = (app / "data" / "admin-token").read_text().strip()
        assert (await node.outcome("task1", {"n": 0}))["status"] == "successful"
        status, job = await node.abort(await node.submit("task1", {"n": 300}))
        assert (status, job["status"]) == (200, "aborted")
        assert node.drain() == 0
    finally:
        node.close()
    new = {path.relative_to(app).parts[0] for path in set(app.rglob("*")) - before}
    assert new <= set(OPEN)

"""Runs the Postman collection against a node, by newman, where there is npm to bring that.

newman and all that it needs are pinned in `newman/package-lock.json`, with hashes.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
COLLECTION = HERE.parent / "docs" / "postman_collection.json"
INSTALL = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error")
RUN_S = 300


def run(url: str) -> None:
    """Run it all; a test of it that fails raises."""
    npm = shutil.which("npm")
    if npm is None:
        print("npm is not here, so the Postman collection was not run")
        return
    with tempfile.TemporaryDirectory() as folder:
        for file in (HERE / "newman").iterdir():
            shutil.copy(file, folder)
        subprocess.run([npm, *INSTALL], cwd=folder, check=True, timeout=RUN_S)
        newman = Path(folder, "node_modules", ".bin", "newman")
        command = [newman, "run", COLLECTION, "--env-var", f"baseUrl={url}", "--color", "off"]
        subprocess.run(command, check=True, timeout=RUN_S)
    print("the Postman collection: all of its tests passed")

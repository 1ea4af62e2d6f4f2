"""Runs the Postman collection against a node, by newman, where there is npm to bring that."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

NEWMAN = "newman@6.2.2"
COLLECTION = Path(__file__).parents[1] / "docs" / "postman_collection.json"
RUN_S = 300
"""With the time to bring newman, the first time."""


def run(url: str) -> None:
    """Run it all; a test of it that fails raises."""
    npx = shutil.which("npx")
    if npx is None:
        print("npm is not here, so the Postman collection was not run")
        return
    command = [npx, "--yes", NEWMAN, "run", str(COLLECTION), "--env-var", f"baseUrl={url}"]
    subprocess.run([*command, "--color", "off"], check=True, timeout=RUN_S)
    print("the Postman collection: all of its tests passed")

"""Runs the Postman collection against a node, by newman."""

from __future__ import annotations

import npm

COLLECTION = npm.HERE.parent / "docs" / "postman_collection.json"


def run(url: str, *, token: str = "") -> None:
    """Run it all, perhaps with the token of an admin; a test of it that fails raises."""
    with npm.installed("newman") as folder:
        if folder is None:
            print("npm is not here, so the Postman collection was not run")
            return
        options = ("--env-var", f"baseUrl={url}", "--env-var", f"token={token}", "--color", "off")
        npm.run(folder, "newman", "run", str(COLLECTION), *options)
    print("the Postman collection: all of its tests passed")

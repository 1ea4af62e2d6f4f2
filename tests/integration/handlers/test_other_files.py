"""Handlers folders with much in them that no handler imports, such as the folder of a project."""

from __future__ import annotations

from pathlib import Path

from tests.support.handlers.folders import serving

ENDS_BADLY = "raise SystemExit(1)\n"
HANDLER = """
    import sys
    from scheduler import handler

    @handler("loaded")
    def loaded(data):
        return data in sys.modules
"""


async def test_a_virtual_environment_in_the_folder_is_passed_over(tmp_path: Path) -> None:
    """Its packages have files that do not run, and so many that no node would start in time."""
    files = {
        "a.py": HANDLER,
        "venv/pyvenv.cfg": "version = 3.13",
        "venv/__init__.py": "raise SystemExit(1)",
        "venv/lib/python3.13/site-packages/x.py": ENDS_BADLY,
    }
    with serving(tmp_path, files) as node:
        assert (await node.outcome("loaded", "handlers.venv"))["result"] is False


async def test_what_only_other_programs_in_the_folder_import_is_not_loaded(tmp_path: Path) -> None:
    """It may take long, and it may do something."""
    files = {"a.py": HANDLER, "programs/b.py": "import unwanted\n"}
    packages = {"unwanted.py": "X = 1\n"}
    with serving(tmp_path, files, packages=packages) as node:
        assert (await node.outcome("loaded", "unwanted"))["result"] is False

"""What several tests of this folder need."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scheduler.core.handler import REGISTERED
from scheduler.processes.child.loading.importing import load
from tests.unit.handlers.shipped import FOLDER, Handlers


@pytest.fixture
def fresh_handlers() -> Iterator[None]:
    """No handlers folder is imported before the test, and none of its own after it.

    `load` registers a package named `handlers`; its modules would be taken for those of the next.
    """

    def taken() -> dict[str, object]:
        REGISTERED[:] = [each for each in REGISTERED if not each.module.startswith("handlers")]
        names = [name for name in sys.modules if name.partition(".")[0] == "handlers"]
        return {name: sys.modules.pop(name) for name in names}

    before = taken()
    yield
    taken()
    sys.modules.update(before)  # type: ignore[arg-type]


@pytest.fixture
def below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`files_dir`, with a file beside it that no shipped handler may reach."""
    (tmp_path / "secret.csv").write_text("a,b\n1,2\n")
    (tmp_path / "files").mkdir()
    monkeypatch.setenv("SCHEDULER_HANDLERS__FILES_DIR", str(tmp_path / "files"))
    return tmp_path / "files"


@pytest.fixture
def handlers(fresh_handlers: None, below: Path) -> Handlers:  # noqa: ARG001
    """The shipped handlers, confined to `below`."""
    return load(FOLDER)

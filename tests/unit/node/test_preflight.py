"""What a node requires of a machine, and the error where that is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from scheduler.core.errors import StartError
from scheduler.node.preflight import require_containment


def test_this_machine_is_accepted() -> None:
    """Tests run on a machine on which nodes run."""
    require_containment()


@pytest.mark.parametrize("platform", ["darwin", "win32", "freebsd14"])
def test_a_system_other_than_linux_is_refused_with_an_alternative(platform: str) -> None:
    """A node that could not end all processes of a job would silently break its main promise."""
    with pytest.raises(StartError, match=rf"on Linux, and this is {platform}: .*docker compose up"):
        require_containment(platform=platform)


def test_a_kernel_that_does_not_list_child_processes_is_refused(tmp_path: Path) -> None:
    """Without that list a job's tree looks empty, and a receipt would say that it is dead."""
    with pytest.raises(StartError, match="CONFIG_PROC_CHILDREN"):
        require_containment(proc=tmp_path)

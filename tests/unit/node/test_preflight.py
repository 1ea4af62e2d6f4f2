"""What a machine must have for a node, and what is said where it has not."""

from __future__ import annotations

from pathlib import Path

import pytest

from scheduler.core.errors import StartError
from scheduler.node.preflight import require_containment


def test_this_machine_will_do() -> None:
    """The tests run where a node runs."""
    require_containment()


@pytest.mark.parametrize("platform", ["darwin", "win32", "freebsd14"])
def test_a_system_that_is_no_linux_is_refused_with_a_way_out(platform: str) -> None:
    """A node that could not end all processes of a job would break its one promise silently."""
    with pytest.raises(StartError, match=rf"on Linux, and this is {platform}: .*docker compose up"):
        require_containment(platform=platform)


def test_a_kernel_that_does_not_tell_the_children_is_refused(tmp_path: Path) -> None:
    """Without that list the tree of a job looks empty, and a receipt would say that it is dead."""
    with pytest.raises(StartError, match="CONFIG_PROC_CHILDREN"):
        require_containment(proc=tmp_path)

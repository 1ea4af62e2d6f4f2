"""Without a command: run a node."""

from __future__ import annotations

import os
from pathlib import Path

from scheduler.cli.exit_status import Exit
from scheduler.cli.terminal import complain
from scheduler.core.errors import StartError


def run_node(config: Path | None) -> Exit:
    """Run a node until it is drained."""
    # Imported here: no other command should wait for the whole scheduler.
    from scheduler.node.config.loading import load  # noqa: PLC0415
    from scheduler.node.life import run  # noqa: PLC0415

    try:
        run(load(config, os.environ))
    except StartError as error:
        complain(str(error))
        return Exit.USAGE
    return Exit.DONE

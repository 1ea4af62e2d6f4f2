"""Runs a node: what the command line does without a command."""

from __future__ import annotations

import os
from pathlib import Path

from scheduler.cli.exit_status import Exit


def run_node(config: Path | None, *, reload: bool) -> Exit:
    """Run a node until it is drained.

    Args:
        reload: whether to load the handlers anew on every save.
    """
    # Imported here, so that no other command waits for the import of the whole scheduler.
    from scheduler.node.config.loading import load  # noqa: PLC0415
    from scheduler.node.config.reading import FILE  # noqa: PLC0415
    from scheduler.node.life import run  # noqa: PLC0415

    run(load(config, os.environ), file=config or FILE, reload=reload)
    return Exit.DONE

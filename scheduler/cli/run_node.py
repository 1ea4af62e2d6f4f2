"""Runs a node: what the command line does without a command."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def is_alone() -> bool:
    """Whether nothing is asked for but a node: no argument, reload or completion in the shell."""
    asked = (name for name in os.environ if name.endswith("_COMPLETE"))
    return len(sys.argv) == 1 and "ATLANSCHEDULER_RELOAD" not in os.environ and not any(asked)


def run_alone() -> int:
    """Run a node as `app.run_command` does, without the import of all commands; the exit status."""
    from scheduler.core.errors import StartError  # noqa: PLC0415 - see below

    try:
        run_node(None, reload=False)
    except (StartError, KeyboardInterrupt) as error:
        from scheduler.cli.exit_status import Exit  # noqa: PLC0415 - it imports the client
        from scheduler.cli.terminal import print_error  # noqa: PLC0415

        if isinstance(error, KeyboardInterrupt):
            return Exit.INTERRUPTED
        print_error(str(error))
        return Exit.USAGE
    return 0


def run_node(config: Path | None, *, reload: bool) -> None:
    """Run a node until it is drained.

    Args:
        reload: whether to load the handlers anew on every save.
    """
    # Imported here, so that no other command waits for the import of the whole scheduler.
    from scheduler.node.config.loading import load  # noqa: PLC0415
    from scheduler.node.config.reading import FILE  # noqa: PLC0415
    from scheduler.node.life import run  # noqa: PLC0415

    run(load(config, os.environ), file=config or FILE, reload=reload)

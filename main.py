"""Runs a node of AtlanScheduler: `python main.py [--config config.toml]`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path


def main() -> int:
    """Run a node until it is drained; the exit status is in the README."""
    # Imported here: every pool process imports this file, and must not load the node with it.
    from scheduler import __version__  # noqa: PLC0415
    from scheduler.config import load  # noqa: PLC0415
    from scheduler.errors import StartError  # noqa: PLC0415
    from scheduler.node import run  # noqa: PLC0415

    arguments = argparse.ArgumentParser(
        prog="main.py",
        description="Run a node of AtlanScheduler: HTTP API, workers and their pool processes.",
        epilog="SIGTERM or SIGINT drains the node; a second one ends it at once. "
        "Exit status: 0 after a drain, 2 where the node cannot start, 1 for a defect.",
    )
    arguments.add_argument(
        "--config", type=Path, metavar="FILE", help="configuration (default: config.toml)"
    )
    arguments.add_argument("--version", action="version", version=f"AtlanScheduler {__version__}")
    parsed = arguments.parse_args()
    try:
        run(load(parsed.config, os.environ))
    except StartError as error:
        print(f"atlanscheduler: {error}", file=sys.stderr)  # noqa: T201 - for the operator
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Brings the schema of the store up to date."""

from __future__ import annotations

import os

import typer

from scheduler.cli.exit_status import Exit
from scheduler.cli.options import Config


def migrate(config: Config = None) -> Exit:
    """Bring the schema of the store up to date, where the role of the nodes may not."""
    # Imported here, so that no other command waits for the import of the whole scheduler.
    from scheduler.node.config.loading import load  # noqa: PLC0415
    from scheduler.node.migrating import migrate as run  # noqa: PLC0415

    typer.echo(run(load(config, os.environ)))
    return Exit.DONE

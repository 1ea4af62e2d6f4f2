"""Brings the schema of the store up to date."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from scheduler.cli.exit_status import Exit
from scheduler.cli.terminal import print_error
from scheduler.core.errors import StartError


def migrate(
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Configuration of the nodes (default: config.toml)."),
    ] = None,
) -> Exit:
    """Bring the schema of the store up to date, where the role of the nodes may not."""
    # Imported here, so that no other command waits for the import of the whole scheduler.
    from scheduler.node.config.loading import load  # noqa: PLC0415
    from scheduler.node.migrating import migrate as run  # noqa: PLC0415

    try:
        typer.echo(run(load(config, os.environ)))
    except StartError as error:
        print_error(str(error))
        return Exit.USAGE
    return Exit.DONE

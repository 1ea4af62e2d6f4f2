"""The command `doctor`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.table import Table
from rich.text import Text

from scheduler.basics.visible import plain
from scheduler.cli.exit_status import Exit
from scheduler.cli.options import AsJson, Config
from scheduler.cli.terminal import print_json, print_rich
from scheduler.core.errors import StartError
from scheduler.core.finding import Finding, Level, missing

STYLES: Final = {Level.OK: "green", Level.WARNING: "yellow", Level.MISSING: "bold red"}


def doctor(config: Config = None, *, as_json: AsJson = False) -> Exit:
    """Say what keeps a node from starting here, and the mend. Nothing is changed."""
    found = _examined(config)
    if as_json:
        print_json([finding._asdict() for finding in found])
    else:
        print_rich(_table(found))
    return Exit.REFUSED if any(each.status is Level.MISSING for each in found) else Exit.DONE


def _examined(config: Path | None) -> Sequence[Finding]:
    # Imported here, so that no other command waits for the import of the whole scheduler.
    from scheduler.node.config.loading import load  # noqa: PLC0415
    from scheduler.node.config.reading import FILE  # noqa: PLC0415
    from scheduler.node.doctor.examination import examine  # noqa: PLC0415

    try:
        loaded = load(config, os.environ)
    except StartError as error:
        return [missing("configuration", str(error), "correct it: all else depends on it")]

    return examine(loaded, file=config or FILE)


def _table(found: Sequence[Finding]) -> Table:
    """A line for each check; the mend is behind what was found."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for head in ("STATUS", "CHECK", "FOUND"):
        table.add_column(head, no_wrap=head != "FOUND", overflow="fold")
    for check, status, what, mend in found:
        style = STYLES[status]
        line = Text(plain(what)).append(f" → {plain(mend)}" if mend else "", style="bold")
        table.add_row(Text(status, style=style), check, line)
    return table

"""The commands `pause`, `resume` and `pauses`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from atlanscheduler_client import Client, Pause, PauseKind
from scheduler.cli import rendering
from scheduler.cli.options import (
    CONFIGURED,
    EXAMPLE_TIME,
    AsJson,
    Token,
    Url,
    in_path,
    instant,
    length,
)
from scheduler.cli.terminal import print_json, print_rich


def _end(text: str) -> datetime:
    """When a pause ends: after so long, or at a time."""
    after = length(text)
    if after is not None:
        return datetime.now(UTC) + after
    try:
        return instant(text)
    except typer.BadParameter as error:
        raise typer.BadParameter(f"{error}; or say for how long, as in 2h") from None


Kind = Annotated[
    PauseKind,
    typer.Argument(metavar="KIND", help="What is paused: task (a handler), uid (a user), node."),
]
PausedName = Annotated[
    str, typer.Argument(metavar="NAME", callback=in_path, help="Its name; it need not be there.")
]


def pause(
    kind: Kind,
    name: PausedName,
    reason: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Why; users of paused jobs are shown it.")
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(
            parser=_end,
            metavar="2h",
            help=f"When it ends: after so long, or a time such as {EXAMPLE_TIME} (default: never).",
        ),
    ] = None,
    url: Url = CONFIGURED,
    token: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Let no new attempt begin of a handler or a user, or on a node. What runs goes on.

    Of a pause that there is, reason and end are replaced.
    """
    with Client(url, token=token) as client:
        paused = client.pause(kind, name, reason=reason, until=until)
    if as_json:
        print_json(paused)
    else:
        typer.echo(f"{_what(paused)} is paused{rendering.until(paused.until)}")


def resume(
    kind: Kind,
    name: PausedName,
    url: Url = CONFIGURED,
    token: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """End a pause: its jobs go on, in the order that they had."""
    with Client(url, token=token) as client:
        ended = client.resume(kind, name)
    if as_json:
        print_json(ended)
    else:
        typer.echo(f"{_what(ended)} is not paused any more")


def pauses(url: Url = CONFIGURED, token: Token = None, *, as_json: AsJson = False) -> None:
    """List what is paused."""
    with Client(url, token=token) as client:
        found = list(client.pauses())
    if as_json:
        print_json(found)
    else:
        print_rich(rendering.pauses(found))


def _what(paused: Pause) -> str:
    words = {PauseKind.TASK: "task", PauseKind.UID: "user", PauseKind.NODE: "node"}
    return f"{words[paused.kind]} {paused.name}"

"""The arguments and options that several commands have."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import typer

from atlanscheduler_client import OnConflict
from atlanscheduler_client.address import TOKEN_VARIABLE, URL_VARIABLE, address, segment, with_token
from scheduler.cli.node_url import NodeUrl, Tried, configured_url
from scheduler.core.dependencies.declaration import AfterIf as Condition
from scheduler.core.errors import StartError
from scheduler.core.retries.declaration import ATTEMPTS_MAX

ELSEWHERE: Final = f"name a node with --url or {URL_VARIABLE}"
CONFIGURED: Final = ""
"""The default of `--url`: the node of the configuration that is here."""

UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
DURATION: Final = re.compile(r"([1-9][0-9]{0,4})([smhdw])")
EXAMPLE_TIME: Final = "2026-12-24T18:00+01:00"


class JobName(NamedTuple):
    """A job's name on the command line: `uid/id`, which is also its path in the API."""

    uid: str
    id: str

    def __str__(self) -> str:
        return f"{self.uid}/{self.id}"


def duration(text: str) -> timedelta:
    """Parse a duration such as `10m`."""
    found = length(text)
    if found is None:
        raise typer.BadParameter(f"{text!r} is not like 10m; allowed are s, m, h, d and w")
    return found


def instant(text: str) -> datetime:
    """Parse a time such as `2026-12-24T18:00+01:00`."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not like {EXAMPLE_TIME}") from None
    if at.tzinfo is None:
        raise typer.BadParameter(f"{text!r} has no offset: add Z or +01:00, as in {EXAMPLE_TIME}")
    return at


class Until(StrEnum):
    """What to wait for, as an option."""

    FINAL = "final"
    OVER = "over"


def job_name(text: str) -> JobName:
    """Parse a job's name."""
    uid, slash, job_id = text.strip("/").partition("/")
    if not (uid and slash and job_id):
        raise typer.BadParameter(f"{text!r} is not like ada/01a208bc-e538-7404-822a-df0cc3d7b9b4")
    in_path(uid)
    in_path(job_id)
    return JobName(uid, job_id)


def in_path(text: str | None) -> str | None:
    """A uid or an id, which has to have a place in a path."""
    try:
        if text is not None:
            segment(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    return text


def _url(ctx: typer.Context, text: str) -> str:
    found = _named_url(ctx, text) if text else _configured_url(ctx)
    if isinstance(ctx.obj, Tried):
        ctx.obj.url = found
    return found.url


def _token(text: str | None) -> str | None:
    try:
        with_token(None, text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    return text


def _named_url(ctx: typer.Context, text: str) -> NodeUrl:
    source = ctx.get_parameter_source("url")
    is_variable = source is not None and source.name == "ENVIRONMENT"
    try:
        address(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    return NodeUrl(text, f"from {URL_VARIABLE if is_variable else '--url'}", configured=False)


def _configured_url(ctx: typer.Context) -> NodeUrl:
    """The URL of the node of the configuration.

    Raises:
        StartError: the configuration does not say where it is.
    """
    try:
        return configured_url(_config(ctx, None), os.environ)
    except StartError as error:
        raise StartError(f"{error}; or {ELSEWHERE}") from None


def _config(ctx: typer.Context, path: Path | None) -> Path | None:
    """The configuration that is named behind the command, or else before it."""
    before = ctx.find_root().params.get("config")
    return path or (Path(before) if before else None)


def length(text: str) -> timedelta | None:
    """A time such as 90d; None where it is not written so."""
    found = DURATION.fullmatch(text)
    return None if found is None else timedelta(**{UNITS[found[2]]: int(found[1])})


def moment(text: str | None) -> datetime | None:
    """An instant from what somebody typed: so long ago, or a time."""
    if text is None:
        return None
    if (ago := length(text)) is not None:
        return datetime.now(UTC) - ago
    try:
        return datetime.fromisoformat(text).astimezone()  # without an offset: the local time
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is neither like 2h or 7d (m, h, d and w ago) nor like 2026-11-23T14:00"
        ) from None


Uid = Annotated[
    str,
    typer.Argument(metavar="UID", callback=in_path, help="The user that jobs belong to."),
]
Name = Annotated[
    JobName,
    typer.Argument(metavar="UID/ID", parser=job_name, help="The job, as `submit` prints it."),
]
Url = Annotated[
    str,
    typer.Option(
        "--url",
        envvar=URL_VARIABLE,
        callback=_url,
        metavar="URL",
        help="Where a node is (default: where config.toml has it).",
        show_default=False,
    ),
]
Token = Annotated[
    str | None,
    typer.Option(
        "--token",
        envvar=TOKEN_VARIABLE,
        callback=_token,
        show_envvar=False,
        metavar="TOKEN",
        help=f"Says who asks; best in {TOKEN_VARIABLE}: others see what a command is started with.",
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        callback=_config,
        help="Configuration of the node (default: config.toml).",
    ),
]
Parent = Annotated[
    str | None, typer.Option("--parent", metavar="ID", help="The job that submits, or did.")
]
Priority = Annotated[
    int | None,
    typer.Option(
        "--priority",
        metavar="SECONDS",
        help="Head start before the user's other jobs.",
    ),
]
RunAt = Annotated[
    datetime | None,
    typer.Option(
        "--run-at", parser=instant, metavar=EXAMPLE_TIME, help="It does not begin before this time."
    ),
]
Delay = Annotated[
    timedelta | None,
    typer.Option("--delay", parser=duration, metavar="10m", help="It does not begin for so long."),
]
StartWithin = Annotated[
    timedelta | None,
    typer.Option(
        "--start-within",
        parser=duration,
        metavar="1h",
        help="It ends expired if it has not begun by then.",
    ),
]
MaxAttempts = Annotated[
    int | None,
    typer.Option(
        "--max-attempts",
        min=1,
        max=ATTEMPTS_MAX,
        metavar="5",
        help="How many attempts it may use up, whatever its handler says.",
    ),
]
Needs = Annotated[
    list[str] | None,
    typer.Option(
        "--needs",
        metavar="LABEL",
        help="A label that a node must have to run it; several by several options.",
    ),
]
UniqueKey = Annotated[
    str | None,
    typer.Option(
        "--unique",
        metavar="KEY",
        help="Only one job of the user and handler has this key until it is over.",
    ),
]
WhereTaken = Annotated[
    OnConflict,
    typer.Option(
        "--on-conflict",
        help="Where another one has it: print that one, fail, or abort it and take its place.",
    ),
]
HookRetries = Annotated[
    bool,
    typer.Option("--hook-retries", help="The hook is called for failed attempts, too."),
]
After = Annotated[
    list[str] | None,
    typer.Option(
        "--after", metavar="ID", help="A job that it waits for; several have an option each."
    ),
]
AfterIf = Annotated[
    Condition,
    typer.Option("--after-if", help="How these have to end: else it is aborted; with end, anyhow."),
]
Group = Annotated[
    str | None,
    typer.Option("--group", metavar="NAME", help="The group: jobs of one user under one name."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, as the API has it.")]

"""The commands `schedule set`, `list`, `show`, `delete`, `run`, `backfill` and `preview`."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer

from atlanscheduler_client import Client, NewSchedule
from scheduler.cli import rendering
from scheduler.cli.options import (
    CONFIGURED,
    EXAMPLE_TIME,
    AsJson,
    JobName,
    MaxAttempts,
    Token,
    Uid,
    Url,
    duration,
    in_path,
    instant,
)
from scheduler.cli.submit import json_of
from scheduler.cli.terminal import print_json, print_rich

app = typer.Typer(help="Have jobs made at set times.")


class Misfire(StrEnum):
    """Which times are made up for, as an option."""

    SKIP = "skip"
    ONCE = "once"
    ALL = "all"


class Overlap(StrEnum):
    """What becomes of a time while an earlier job is not over, as an option."""

    SKIP = "skip"
    QUEUE_ONE = "queue_one"
    ALLOW = "allow"
    REPLACE = "replace"


ScheduleName = Annotated[
    str, typer.Argument(metavar="NAME", callback=in_path, help="The schedule's name.")
]
Cron = Annotated[
    str | None,
    typer.Option(
        metavar="'0 2 * * *'", help="When, on the clocks of --zone: five fields, @daily …"
    ),
]
Every = Annotated[
    timedelta | None,
    typer.Option(parser=duration, metavar="10m", help="When: every so long, instead of --cron."),
]
Phase = Annotated[
    timedelta | None,
    typer.Option(
        parser=duration, metavar="5m", help="By how much the times of --every are shifted."
    ),
]
Failures = Annotated[
    int | None,
    typer.Option(min=1, max=100, metavar="N", help="Pause it after so many failures in a row."),
]
Remaining = Annotated[
    int | None,
    typer.Option(min=0, max=1_000_000, metavar="N", help="End it after so many further jobs."),
]
Zone = Annotated[
    str, typer.Option(metavar="Europe/Berlin", help="The time zone whose clocks --cron means.")
]
StartAt = Annotated[
    datetime | None,
    typer.Option(parser=instant, metavar=EXAMPLE_TIME, help="Nothing before this time."),
]


EndAt = Annotated[
    datetime | None,
    typer.Option(parser=instant, metavar=EXAMPLE_TIME, help="Nothing after this time."),
]
Task = Annotated[str, typer.Argument(metavar="TASK", help="The handler.")]
Data = Annotated[str, typer.Argument(metavar="DATA", help="JSON, @FILE, or - for standard input.")]
Jitter = Annotated[
    timedelta | None,
    typer.Option(parser=duration, metavar="30s", help="By how much jobs are late at most."),
]
OnMisfire = Annotated[
    Misfire, typer.Option(help="Which times are made up for that no node was there for.")
]
Catchup = Annotated[
    timedelta | None,
    typer.Option(parser=duration, metavar="1h", help="For how long they are made up for."),
]
OnOverlap = Annotated[
    Overlap, typer.Option(help="What becomes of a time while an earlier job is not over.")
]
Note = Annotated[str | None, typer.Option(metavar="TEXT", help="What it is for.")]
Hook = Annotated[
    str | None, typer.Option(metavar="URL", help="What is called once a job has ended.")
]
HeadStart = Annotated[
    int, typer.Option(metavar="SECONDS", help="Head start before the user's other jobs.")
]
AN_HOUR = timedelta(hours=1)


@app.command("set")
def set_schedule(  # noqa: PLR0917 - typer calls it by name
    uid: Uid,
    name: ScheduleName,
    task: Task,
    data: Data = "null",
    cron: Cron = None,
    every: Every = None,
    phase: Phase = None,
    zone: Zone = "UTC",
    start_at: StartAt = None,
    end_at: EndAt = None,
    jitter: Jitter = None,
    misfire: OnMisfire = Misfire.ONCE,
    catchup: Catchup = None,
    overlap: OnOverlap = Overlap.SKIP,
    note: Note = None,
    pause_after_failures: Failures = None,
    remaining: Remaining = None,
    hook: Hook = None,
    priority: HeadStart = 0,
    max_attempts: MaxAttempts = None,
    *,
    paused: Annotated[bool, typer.Option("--paused", help="It makes no jobs.")] = False,
    url: Url = CONFIGURED,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Set a schedule, or replace the one that there is."""
    _require_one(cron, every)
    wanted = NewSchedule(
        uid=uid,
        name=name,
        task=task,
        data=json_of(data),
        hook=hook,
        cron=cron,
        every=every,
        phase=phase or 0.0,
        timezone=zone,
        start_at=start_at,
        end_at=end_at,
        jitter=jitter or 0.0,
        misfire=misfire,
        catchup=AN_HOUR if catchup is None else catchup,
        overlap=overlap,
        paused=paused,
        note=note,
        pause_after_failures=pause_after_failures,
        remaining=remaining,
        priority=priority,
        max_attempts=max_attempts,
    )
    with Client(url, token=token) as client:
        found = client.set_schedule(wanted)
    if as_json:
        print_json(found)
    else:
        print_rich(f"{uid}/{name}: {rendering.next_run(found)}")


@app.command("list")
def list_schedules(
    uid: Annotated[
        str | None,
        typer.Argument(metavar="UID", callback=in_path, help="The user (default: all)."),
    ] = None,
    url: Url = CONFIGURED,
    token: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List schedules, by user and name."""
    with Client(url, token=token) as client:
        found = list(client.schedules(uid))
    if as_json:
        print_json(found)
    else:
        print_rich(rendering.schedules(found))


@app.command("show")
def show(
    uid: Uid,
    name: ScheduleName,
    url: Url = CONFIGURED,
    token: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show a schedule, with its next times and what became of the last ones."""
    with Client(url, token=token) as client:
        found = client.schedule(uid, name)
    if as_json:
        print_json(found)
    else:
        print_rich(rendering.schedule(found))


@app.command("delete")
def delete(
    uid: Uid,
    name: ScheduleName,
    url: Url = CONFIGURED,
    token: Token = None,
    *,
    abort: Annotated[
        bool, typer.Option("--abort", help="Abort its jobs that have not ended, too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Delete a schedule. Its jobs go on, unless you abort them, too."""
    with Client(url, token=token) as client:
        deleted = client.delete_schedule(uid, name, abort=abort)
    if as_json:
        print_json(deleted)
    else:
        of_jobs = "" if deleted.aborts is None else f"; {rendering.aborts(deleted.aborts)}"
        print_rich(f"{uid}/{name} is deleted{of_jobs}")


@app.command("run")
def run(
    uid: Uid,
    name: ScheduleName,
    url: Url = CONFIGURED,
    token: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Make a job of a schedule now, and print the job's name."""
    with Client(url, token=token) as client:
        job = client.run_schedule(uid, name)
    if as_json:
        print_json(job)
    else:
        print_rich(str(JobName(job.uid, job.id)))


@app.command("backfill")
def backfill(
    uid: Uid,
    name: ScheduleName,
    begin: Annotated[
        datetime,
        typer.Option("--from", parser=instant, metavar="TIME", help="From this time on."),
    ],
    end: Annotated[
        datetime,
        typer.Option("--to", parser=instant, metavar="TIME", help="Up to this time."),
    ],
    url: Url = CONFIGURED,
    token: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Make up for the times of a schedule that have no job, at most 100, and print the jobs."""
    with Client(url, token=token) as client:
        jobs = client.backfill_schedule(uid, name, begin=begin, end=end)
    if as_json:
        print_json(jobs)
        return
    for job in jobs:
        print_rich(str(JobName(job.uid, job.id)))


@app.command("preview")
def preview(
    cron: Cron = None,
    every: Every = None,
    phase: Phase = None,
    zone: Zone = "UTC",
    start_at: StartAt = None,
    count: Annotated[int, typer.Option(min=1, max=100, help="How many times.")] = 5,
    url: Url = CONFIGURED,
    token: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Say when a schedule would make its next jobs. Nothing is stored."""
    _require_one(cron, every)
    with Client(url, token=token) as client:
        found = client.preview_schedule(
            cron=cron,
            every=every,
            phase=phase or 0.0,
            timezone=zone,
            start_at=start_at,
            count=count,
        )
    if as_json:
        print_json(found)
    else:
        print_rich(rendering.preview(found))


def _require_one(cron: str | None, every: timedelta | None) -> None:
    if (cron is None) == (every is None):
        raise typer.BadParameter("name one of --cron and --every")

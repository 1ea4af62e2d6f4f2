"""The commands `submit` and `update`."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from atlanscheduler_client import Client, ClientError, Job, OnConflict, Unique
from atlanscheduler_client.address import DEFAULT_URL
from scheduler.cli import rendering
from scheduler.cli.exit_status import Exit
from scheduler.cli.follow import await_end
from scheduler.cli.options import (
    CONFIGURED,
    After,
    AfterIf,
    AsJson,
    Delay,
    Group,
    HookRetries,
    JobName,
    MaxAttempts,
    Name,
    Needs,
    Parent,
    Priority,
    RunAt,
    StartWithin,
    Token,
    Uid,
    UniqueKey,
    Url,
    WhereTaken,
)
from scheduler.cli.terminal import print_json, print_rich
from scheduler.core.dependencies.declaration import AfterIf as Condition


def _known_tasks(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Handler names for shell completion; none if no node answers at once."""
    try:
        with Client(
            ctx.params.get("url") or DEFAULT_URL,
            token=ctx.params.get("token"),
            timeout_s=1,
            retry_s=0,
        ) as client:
            known = client.tasks()
    except (ClientError, ValueError):
        return []
    return [(task.name, task.doc or "") for task in known if task.name.startswith(incomplete)]


TaskName = Annotated[
    str, typer.Argument(metavar="TASK", help="The handler.", autocompletion=_known_tasks)
]
Data = Annotated[str, typer.Argument(metavar="DATA", help="JSON, @FILE, or - for standard input.")]
Hook = Annotated[
    str | None,
    typer.Option(
        metavar="URL", help="What is called once the job has ended, and when its handler notifies."
    ),
]
Key = Annotated[
    str | None, typer.Option(metavar="KEY", help="Idempotency key: the same one submits only once.")
]
Wait = Annotated[bool, typer.Option("--wait", help="Wait for its end, like the command `wait`.")]


def submit(
    uid: Uid,
    task: TaskName,
    data: Data = "null",
    hook: Hook = None,
    key: Key = None,
    parent: Parent = None,
    priority: Priority = None,
    run_at: RunAt = None,
    delay: Delay = None,
    start_within: StartWithin = None,
    max_attempts: MaxAttempts = None,
    needs: Needs = None,
    *,
    after: After = None,
    after_if: AfterIf = Condition.SUCCESS,
    group: Group = None,
    unique: UniqueKey = None,
    on_conflict: WhereTaken = OnConflict.EXISTING,
    hook_retries: HookRetries = False,
    wait: Wait = False,
    url: Url = CONFIGURED,
    token: Token = None,
    as_json: AsJson = False,
) -> int:
    """Submit a job, and print its name."""
    with Client(url, token=token) as client:
        job = client.submit(
            uid,
            task,
            json_of(data),
            hook=hook,
            parent=parent,
            idempotency_key=key,
            priority=priority or 0,
            run_at=run_at,
            delay=delay,
            start_within=start_within,
            max_attempts=max_attempts,
            hook_retries=hook_retries,
            needs=needs or (),
            after=[each.rpartition("/")[2] for each in after or ()],
            after_if=after_if,
            group=group,
            unique=unique_of(unique, on_conflict),
        )
        note(job, run_at)
        if wait:
            name = JobName(job.uid, job.id)
            return await_end(client, name, timeout_s=None, as_json=as_json)
    _print(job, as_json=as_json)
    return Exit.DONE


def _print(job: Job, *, as_json: bool) -> None:
    if as_json:
        print_json(job)
    else:
        print_rich(str(JobName(job.uid, job.id)))


def update(
    name: Name,
    priority: Priority = None,
    run_at: RunAt = None,
    *,
    now: Annotated[bool, typer.Option("--now", help="It may begin at once.")] = False,
    url: Url = CONFIGURED,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Change the priority of a queued job, or when it may begin."""
    if now and run_at is not None:
        raise typer.BadParameter("it rules out --run-at", param_hint="--now")
    if priority is None and run_at is None and not now:
        raise typer.BadParameter("name what to change: --priority, --run-at or --now")
    with Client(url, token=token) as client:
        job = client.update(*name, priority=priority, run_at=run_at, at_once=now)
    note(job, run_at)
    if as_json:
        print_json(job)
    else:
        print_rich(f"{name} waits for {rendering.waits(job)}")


def note(job: Job, run_at: datetime | None) -> None:
    """Say what is odd about it: on standard error, since the job's name alone is the answer."""
    if job.deduplicated:
        typer.echo("it was there already: it has this unique key", err=True)
    elif run_at is not None and job.waits is None:
        typer.echo("the time is past: it runs at once", err=True)


def unique_of(key: str | None, on_conflict: OnConflict) -> Unique | None:
    """The unique key that options give a job."""
    return None if key is None else Unique(key=key, on_conflict=on_conflict)


def json_of(data: str) -> Any:  # noqa: ANN401 - JSON
    """The JSON value that an option or argument names."""
    try:
        return json.loads(_text_of(data), parse_constant=_refuse)
    except OSError as error:
        raise typer.BadParameter(f"{data[1:]}: {error.strerror}", param_hint="DATA") from error
    except ValueError as error:
        message = f"it is not JSON: {error} (a text needs its quotes: '\"like this\"')"
        raise typer.BadParameter(message, param_hint="DATA") from error


def _text_of(data: str) -> str:
    if data == "-":
        return sys.stdin.read()
    return Path(data[1:]).read_text(encoding="utf-8") if data.startswith("@") else data


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not in JSON")

"""The command `rerun`: jobs that are named, or all that match."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import typer

from atlanscheduler_client import KEPT, Client, FailureKind, OnConflict, Reruns
from scheduler.basics.counted import counted
from scheduler.cli.options import (
    CONFIGURED,
    AsJson,
    Delay,
    Group,
    HookRetries,
    JobName,
    MaxAttempts,
    Needs,
    Priority,
    RunAt,
    StartWithin,
    Token,
    UniqueKey,
    Url,
    WhereTaken,
    in_path,
    job_name,
    moment,
)
from scheduler.cli.read import Statuses, TaskFilter
from scheduler.cli.submit import Hook, json_of, note, unique_of
from scheduler.cli.terminal import print_json, print_rich
from scheduler.core.rerun import COUNTED_MAX, RERUNS_MAX

NOTHING: Final = (
    "name jobs, or say which: --uid, --task, --status (default: terminated), --error-kind, --since"
)


def _since(text: str | None) -> str | None:
    moment(text)
    return text


Names = Annotated[
    list[JobName] | None,
    typer.Argument(
        metavar="UID/ID...", parser=job_name, help="The jobs; or else options say which."
    ),
]
Data = Annotated[
    str | None, typer.Option(metavar="DATA", help="Instead of its own: JSON, @FILE, or -.")
]
OfUser = Annotated[
    str | None, typer.Option("--uid", metavar="UID", callback=in_path, help="All of this user.")
]
ErrorKinds = Annotated[list[FailureKind] | None, typer.Option(help="Only those that failed so.")]
Since = Annotated[
    str | None,
    typer.Option(
        callback=_since,
        metavar="2h",
        help="Only those that ended from then on: so long ago, or a time (RFC 3339).",
    ),
]
Limit = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=COUNTED_MAX,
        help=f"At most so many (default and most: {RERUNS_MAX}, {COUNTED_MAX} in a dry run).",
    ),
]
Key = Annotated[
    str | None, typer.Option(metavar="KEY", help="Idempotency key: the same one runs it only once.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say which jobs that would be.")]


def rerun(
    names: Names = None,
    *,
    data: Data = None,
    priority: Priority = None,
    run_at: RunAt = None,
    delay: Delay = None,
    start_within: StartWithin = None,
    max_attempts: MaxAttempts = None,
    hook: Hook = None,
    needs: Needs = None,
    group: Group = None,
    unique: UniqueKey = None,
    on_conflict: WhereTaken = OnConflict.EXISTING,
    hook_retries: HookRetries = False,
    uid: OfUser = None,
    task: TaskFilter = None,
    status: Statuses = None,
    error_kind: ErrorKinds = None,
    since: Since = None,
    limit: Limit = None,
    key: Key = None,
    dry_run: DryRun = False,
    url: Url = CONFIGURED,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Run jobs again that are over, as new jobs, and print the names of those."""
    instead: dict[str, Any] = {
        "data": KEPT if data is None else json_of(data),
        "priority": KEPT if priority is None else priority,
        "run_at": run_at,
        "delay": delay,
        "start_within": KEPT if start_within is None else start_within,
        "max_attempts": KEPT if max_attempts is None else max_attempts,
        "hook": KEPT if hook is None else hook,
        "hook_retries": hook_retries or KEPT,
        "needs": KEPT if needs is None else needs,
        "group": KEPT if group is None else group,
        "unique": unique_of(unique, on_conflict),
    }
    which: dict[str, Any] = {
        "uid": uid,
        "task": task,
        "statuses": status or (),
        "error_kinds": error_kind or (),
        "since": moment(since),
    }
    _require_one_way(names or (), which, instead, many_only=dry_run or limit is not None)
    if key is not None and len(names or ()) > 1:
        raise typer.BadParameter("one key is for one job", param_hint="--key")
    with Client(url, token=token) as client:
        if names:
            _rerun_each(client, names, instead, key=key, as_json=as_json)
        else:
            most = limit or (COUNTED_MAX if dry_run else RERUNS_MAX)
            many = {**which, "limit": most, "dry_run": dry_run, "idempotency_key": key}
            _print_reruns(client.rerun_all(**many), dry_run=dry_run, as_json=as_json)


def _require_one_way(
    names: Sequence[JobName],
    which: Mapping[str, object],
    instead: Mapping[str, object],
    *,
    many_only: bool,
) -> None:
    """Refuse options that say nothing for the way in which jobs are chosen."""
    if names and (many_only or any(which.values())):
        raise typer.BadParameter("either name jobs, or say which by options: not both")
    if not names and not any(which.values()):
        raise typer.BadParameter(NOTHING)
    if not names and any(each not in (None, KEPT) for each in instead.values()):
        raise typer.BadParameter("what they have instead is only for jobs that are named")


def _rerun_each(
    client: Client,
    names: Sequence[JobName],
    instead: Mapping[str, Any],
    *,
    key: str | None,
    as_json: bool,
) -> None:
    """Run each again, and print its name at once: a later one may be refused."""
    jobs = []
    for name in names:
        jobs.append(job := client.rerun(*name, **instead, idempotency_key=key))
        note(job, instead["run_at"])
        if not as_json:
            print_rich(str(JobName(job.uid, job.id)))
    if as_json:
        print_json(jobs)


def _print_reruns(reruns: Reruns, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        print_json(reruns)
        return
    for each in reruns.jobs:
        print_rich(str(JobName(each.uid, each.id or each.rerun_of)))
    number = counted(len(reruns.jobs), "job")
    more = "; more match: the same again goes on with those" if reruns.more else ""
    at_least = "at least " if dry_run and reruns.more else ""
    said = f"{at_least}{number} would be run again" if dry_run else f"{number} run again{more}"
    typer.echo(said, err=True)

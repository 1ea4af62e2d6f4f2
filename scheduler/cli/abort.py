"""The commands `abort` and `abort-all`."""

from __future__ import annotations

from typing import Annotated

import typer

from atlanscheduler_client import Client, Job, Status
from scheduler.cli import rendering
from scheduler.cli.exit_status import Exit, is_left_undone
from scheduler.cli.options import CONFIGURED, AsJson, Group, Name, Token, Uid, Until, Url
from scheduler.cli.read import Statuses, TaskFilter
from scheduler.cli.terminal import print_json, print_rich


def abort(
    name: Name,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Kept with the job.")] = None,
    grace: Annotated[
        float | None,
        typer.Option(
            min=0, metavar="SECONDS", help="Between SIGTERM and SIGKILL; 0 kills at once."
        ),
    ] = None,
    wait: Annotated[
        float,
        typer.Option(min=0, max=60, metavar="SECONDS", help="How long to wait; 0: not at all."),
    ] = 60.0,
    until: Annotated[
        Until,
        typer.Option(help="Wait until nothing of it lives, or until its on_abort has ended, too."),
    ] = Until.OVER,
    url: Url = CONFIGURED,
    token: Token = None,
    *,
    children: Annotated[
        bool, typer.Option("--children", help="Abort all that it submitted, too, and so on down.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Abort a job, and print the receipt: proof that nothing of it lives, and is undone."""
    with Client(url, token=token) as client:
        job = client.abort(
            *name,
            reason=reason,
            grace_s=grace,
            children=children,
            wait_s=wait,
            until=until.value,
        )
    if as_json:
        print_json(job)
    else:
        print_rich(rendering.summary(job))
    return _exit_status(job, until)


def _exit_status(job: Job, until: Until) -> Exit:
    if job.status is not Status.ABORTED or (until is Until.OVER and not job.over):
        return Exit.TIME_UP
    return Exit.NOT_UNDONE if is_left_undone(job) else Exit.DONE


def abort_all(
    uid: Uid,
    status: Statuses = None,
    task: TaskFilter = None,
    group: Group = None,
    url: Url = CONFIGURED,
    token: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Abort all of a user's jobs that match and have not ended."""
    with Client(url, token=token) as client:
        aborts = client.abort_all(uid, statuses=",".join(status or ()), task=task, group=group)
    if as_json:
        print_json(aborts)
    else:
        print_rich(rendering.aborts(aborts))

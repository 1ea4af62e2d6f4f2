"""The commands `wait`, `watch` and `logs`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from atlanscheduler_client import Changed, Client, JobEnded, JobState
from scheduler.cli import rendering
from scheduler.cli.exit_status import EXIT_BY_STATUS, Exit, is_left_undone
from scheduler.cli.options import CONFIGURED, AsJson, JobName, Name, Token, Until, Url
from scheduler.cli.progress import display_for
from scheduler.cli.terminal import print_error, print_json, print_log_line, print_rich


def wait(
    name: Name,
    timeout: Annotated[
        float | None, typer.Option(min=0, metavar="SECONDS", help="Give up after so long.")
    ] = None,
    until: Annotated[
        Until,
        typer.Option(help="Wait until it has ended, or until its on_abort has ended, too."),
    ] = Until.FINAL,
    url: Url = CONFIGURED,
    token: Token = None,
    *,
    as_json: AsJson = False,
) -> int:
    """Wait for a job's end; the exit status says which one it was."""
    with Client(url, token=token) as client:
        return await_end(client, name, timeout_s=timeout, until=until, as_json=as_json)


def watch(
    name: Name,
    url: Url = CONFIGURED,
    token: Token = None,
    *,
    log: Annotated[bool, typer.Option("--log", help="Show what it prints as well.")] = False,
    as_json: AsJson = False,
) -> int:
    """Watch a job until its end; Ctrl-C offers to abort it."""
    with Client(url, token=token) as client:
        try:
            return EXIT_BY_STATUS[_watch(client, name, log=log, as_json=as_json).status]
        except KeyboardInterrupt:
            return _offer_abort(client, name)


def logs(
    name: Name,
    url: Url = CONFIGURED,
    token: Token = None,
    *,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the job's end.")
    ] = False,
    times: Annotated[
        bool, typer.Option("--times", "-t", help="Say when each line was printed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print what a job printed."""
    with Client(url, token=token) as client:
        for line in client.log(*name, follow=follow):
            if as_json:
                print_json(line)
            else:
                print_log_line(line, times=times)


def await_end(
    client: Client,
    name: JobName,
    *,
    timeout_s: float | None,
    as_json: bool,
    until: Until = Until.FINAL,
) -> Exit:
    """Wait for a job's end, print it, and return the exit status for it."""
    try:
        job = client.wait(*name, timeout_s=timeout_s, until=until.value)
    except TimeoutError as error:
        print_error(f"{name}: {error}")
        return Exit.TIME_UP
    if as_json:
        print_json(job)
    else:
        print_rich(rendering.summary(job))
    if until is Until.OVER and is_left_undone(job):
        return Exit.NOT_UNDONE
    return EXIT_BY_STATUS[job.status]


def _watch(client: Client, name: JobName, *, log: bool, as_json: bool) -> JobState:
    """Show the events of a job until its end, and return its last state."""
    last: JobState | None = None
    with display_for(name, as_json=as_json) as display:
        for event in client.watch(*name, log=log):
            display.show(event)
            if isinstance(event, Changed):
                last = event.job
    return last or client.get(*name)


def _offer_abort(client: Client, name: JobName) -> Exit:
    """After Ctrl-C, ask whether the job is to be aborted or only no longer watched."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return Exit.INTERRUPTED
    if not typer.confirm(f"Abort {name}? It goes on otherwise.", err=True):
        return Exit.INTERRUPTED
    try:
        job: JobState = client.abort(*name, reason="Ctrl-C while it was watched")
    except JobEnded as ended:
        job = ended.job
    print_rich(rendering.summary(job))
    return EXIT_BY_STATUS.get(job.status, Exit.TIME_UP)

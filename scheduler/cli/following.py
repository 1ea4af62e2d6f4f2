"""`wait` and `logs`."""

from __future__ import annotations

from typing import Annotated

import typer

from scheduler.cli import pictures
from scheduler.cli.options import AsJson, JobName, Name, Url
from scheduler.cli.output import complain, say, say_json, say_line
from scheduler.cli.statuses import OF_JOB, Exit
from scheduler.client import Client
from scheduler.client.address import DEFAULT_URL


def wait(
    name: Name,
    timeout: Annotated[
        float | None, typer.Option(min=0, metavar="SECONDS", help="Give up after so long.")
    ] = None,
    url: Url = DEFAULT_URL,
    *,
    as_json: AsJson = False,
) -> int:
    """Wait for a job's end; the exit status says which one it was."""
    with Client(url) as client:
        return await_end(client, name, timeout_s=timeout, as_json=as_json)


def logs(
    name: Name,
    url: Url = DEFAULT_URL,
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
    with Client(url) as client:
        for line in client.log(*name, follow=follow):
            if as_json:
                say_json(line)
            else:
                say_line(line, times=times)


def await_end(client: Client, name: JobName, *, timeout_s: float | None, as_json: bool) -> Exit:
    """Wait for a job's end, and say which one it was."""
    try:
        job = client.wait(*name, timeout_s=timeout_s)
    except TimeoutError as error:
        complain(f"{name}: {error}")
        return Exit.TIME_UP
    if as_json:
        say_json(job)
    else:
        say(pictures.verdict(job))
    return OF_JOB[job.status]

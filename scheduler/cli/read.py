"""The commands `list`, `show`, `usage`, `group`, `tasks`, `nodes` and `audit`."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from atlanscheduler_client import Client, Status
from scheduler.cli import rendering
from scheduler.cli.options import (
    CONFIGURED,
    AsJson,
    Group,
    Name,
    Parent,
    Token,
    Uid,
    Url,
    in_path,
    moment,
)
from scheduler.cli.terminal import print_json, print_rich
from scheduler.core.access.audit import Action
from scheduler.core.job import meant


def _statuses(texts: list[str] | None) -> list[str]:
    names = [name for text in texts or () for name in text.split(",")]
    for name in names:
        if name not in set(Status):
            why = f": {meant(name)}" if meant(name) else ""
            raise typer.BadParameter(f"{name!r} is none of {', '.join(Status)}{why}")
    return names


def _moment(text: str | None) -> str | None:
    moment(text)
    return text


Statuses = Annotated[
    list[str] | None,
    typer.Option(
        "--status",
        callback=_statuses,
        metavar=f"[{'|'.join(Status)}]",
        help="Only those; several have commas between them, or an option each.",
    ),
]
TaskFilter = Annotated[str | None, typer.Option("--task", help="Only those of this handler.")]


def list_jobs(
    uid: Annotated[
        str | None,
        typer.Argument(metavar="UID", callback=in_path, help="The user; without it, all users."),
    ] = None,
    status: Statuses = None,
    task: TaskFilter = None,
    parent: Parent = None,
    group: Group = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20,
    url: Url = CONFIGURED,
    token: Token = None,
    *,
    waiting: Annotated[
        bool, typer.Option("--waiting", help="Only queued jobs, and what each of them waits for.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List a user's jobs, or those of all users, newest first."""
    if waiting and status:
        raise typer.BadParameter("it rules out --status", param_hint="--waiting")
    if group is not None and uid is None:
        raise typer.BadParameter("a group is one user's: name the user, too", param_hint="--group")
    statuses = str(Status.QUEUED) if waiting else ",".join(status or ())
    with Client(url, token=token) as client:
        if uid is None:
            jobs = client.list_all(statuses=statuses, task=task, parent=parent)
        else:
            jobs = client.list(uid, statuses=statuses, task=task, parent=parent, group=group)
        found = list(islice(jobs, limit))
    if as_json:
        print_json(found)
    else:
        print_rich(rendering.waiting(found) if waiting else rendering.jobs(found))


def show(
    name: Name, url: Url = CONFIGURED, token: Token = None, *, as_json: AsJson = False
) -> None:
    """Show all about a job."""
    with Client(url, token=token) as client:
        job = client.get(*name)
    if as_json:
        print_json(job)
    else:
        print_rich(rendering.job(job))


def usage(uid: Uid, url: Url = CONFIGURED, token: Token = None, *, as_json: AsJson = False) -> None:
    """Show how many unfinished jobs a user has, and how many it may have."""
    with Client(url, token=token) as client:
        found = client.usage(uid)
    if as_json:
        print_json(found)
    else:
        print_rich(rendering.usage(found))


def group(
    uid: Uid,
    name: Annotated[str, typer.Argument(metavar="NAME", callback=in_path, help="The group.")],
    url: Url = CONFIGURED,
    token: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show how far a group of a user's jobs is."""
    with Client(url, token=token) as client:
        found = client.group(uid, name)
    if as_json:
        print_json(found)
    else:
        print_rich(rendering.group(found))


def tasks(url: Url = CONFIGURED, token: Token = None, *, as_json: AsJson = False) -> None:
    """List the handlers that jobs can be submitted to."""
    with Client(url, token=token) as client:
        found = client.tasks()
    if as_json:
        print_json(found)
    else:
        print_rich(rendering.tasks(found))


def nodes(url: Url = CONFIGURED, token: Token = None, *, as_json: AsJson = False) -> None:
    """List the live nodes."""
    with Client(url, token=token) as client:
        found = client.nodes()
    if as_json:
        print_json(found)
    else:
        print_rich(rendering.nodes(found))


def audit(
    actor: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only what they did: a token's name.")
    ] = None,
    uid: Annotated[
        str | None, typer.Option(metavar="UID", help="Only what is about this user's jobs.")
    ] = None,
    action: Annotated[Action | None, typer.Option(help="Only this.")] = None,
    since: Annotated[
        str | None,
        typer.Option(
            callback=_moment, metavar="2h", help="From then on: so long ago, or a time (RFC 3339)."
        ),
    ] = None,
    before: Annotated[
        str | None, typer.Option(callback=_moment, metavar="7d", help="Before that time.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20,
    url: Url = CONFIGURED,
    token: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List who did what, newest first."""
    with Client(url, token=token) as client:
        records = client.audit(
            actor=actor, uid=uid, action=action, since=moment(since), before=moment(before)
        )
        found = list(islice(records, limit))
    if as_json:
        print_json(found)
    else:
        print_rich(rendering.audit(found))

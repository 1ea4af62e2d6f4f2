"""The arguments and options that several commands have."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import typer

from atlanscheduler_client.address import URL_VARIABLE, address


class JobName(NamedTuple):
    """A job's name on the command line: `uid/id`, which is also its path in the API."""

    uid: str
    id: str

    def __str__(self) -> str:
        return f"{self.uid}/{self.id}"


def job_name(text: str) -> JobName:
    """Parse a job's name."""
    uid, slash, job_id = text.strip("/").partition("/")
    if not (uid and slash and job_id):
        raise typer.BadParameter(f"{text!r} is not like ada/01a208bc-e538-7404-822a-df0cc3d7b9b4")
    return JobName(uid, job_id)


def _url(text: str) -> str:
    try:
        address(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    return text


Uid = Annotated[str, typer.Argument(metavar="UID", help="The user that jobs belong to.")]
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
        help="Where a node is.",
        show_default=True,
    ),
]
Parent = Annotated[
    str | None, typer.Option("--parent", metavar="ID", help="The job that submits, or did.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, as the API has it.")]

"""The table of commands, and the exit statuses of their errors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import typer

from atlanscheduler_client import (
    ClientError,
    Forbidden,
    Lost,
    NoSuchJob,
    Problem,
    Unauthenticated,
    Unreachable,
    WrongServer,
)
from atlanscheduler_client.address import TOKEN_VARIABLE
from scheduler import __version__
from scheduler.cli import abort, doctor, follow, init, migrate, read, submit
from scheduler.cli.again.rerun import rerun
from scheduler.cli.exit_status import Exit
from scheduler.cli.node_url import Tried
from scheduler.cli.operators import pause, token
from scheduler.cli.options import ELSEWHERE
from scheduler.cli.run_node import run_node
from scheduler.cli.schedules import commands as schedules
from scheduler.cli.terminal import print_error
from scheduler.core.errors import StartError
from scheduler.installation import page, program

NODE_EPILOG: Final = (
    "SIGTERM or SIGINT drains the node; a second one ends it at once. "
    "SIGHUP loads the handlers anew, as --reload does on every save. "
    "Exit status: 0 after a drain, 2 where the node cannot start, 1 for a defect."
    f"\n\n\b\nThe manual: {page('README.md')}"
)
JOB_EPILOG: Final = (
    "Exit status: 0 successful, 3 terminated, 4 aborted, 5 time up, 6 no such job, "
    "7 no node answers, 8 (wait --until over) its clean-up failed, 9 no token that allows it, "
    "1 refused by the node, 2 wrong usage."
)
ABORT_EPILOG: Final = (
    "Exit status: 0 aborted and undone, 1 it had ended before, 5 time up, 6 no such job, "
    "7 no node answers, 8 aborted but its clean-up failed, 9 no token that allows it, "
    "2 wrong usage."
)
RERUN_EPILOG: Final = (
    "Of many, the oldest come first, and what was run again before is left out. "
    "Exit status: 0 run again, 1 it is not over or is beyond a quota, 6 no such job, "
    "7 no node answers, 9 no token that allows it, 2 wrong usage."
)
DOCTOR_EPILOG: Final = "Exit status: 0 a node would start, 1 something is missing for that."


def _version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it by position
    if wanted:
        typer.echo(f"AtlanScheduler {__version__}")
        raise typer.Exit


def node(
    ctx: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Configuration of the node (default: config.toml)."),
    ] = None,
    *,
    reload: Annotated[
        bool,
        typer.Option(
            "--reload",
            envvar="ATLANSCHEDULER_RELOAD",
            help="Load the handlers anew whenever one of their files is saved.",
        ),
    ] = False,
    version: Annotated[  # noqa: ARG001 - handled by its callback
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which it is.")
    ] = False,
) -> int:
    """Run a node of AtlanScheduler, or, with a command, talk to one."""
    if ctx.invoked_subcommand is None:
        run_node(config, reload=reload)
    elif config is not None and ctx.invoked_subcommand == "init":
        raise typer.BadParameter("it is for a node, and init makes the files of a new one")
    return Exit.DONE


def build_app() -> typer.Typer:
    """The application with all commands."""
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    app.callback(invoke_without_command=True, epilog=NODE_EPILOG)(node)
    app.command("submit")(submit.submit)
    app.command("update")(submit.update)
    app.command("rerun", epilog=RERUN_EPILOG)(rerun)
    app.command("list")(read.list_jobs)
    app.command("show")(read.show)
    app.command("wait", epilog=JOB_EPILOG)(follow.wait)
    app.command("watch", epilog=JOB_EPILOG)(follow.watch)
    app.command("logs")(follow.logs)
    app.command("abort", epilog=ABORT_EPILOG)(abort.abort)
    app.command("abort-all")(abort.abort_all)
    app.command("usage")(read.usage)
    app.command("group")(read.group)
    app.command("tasks")(read.tasks)
    app.command("nodes")(read.nodes)
    app.command("pause")(pause.pause)
    app.command("resume")(pause.resume)
    app.command("pauses")(pause.pauses)
    app.add_typer(schedules.app, name="schedule")
    app.command("audit")(read.audit)
    app.add_typer(token.app, name="token")
    app.command("init")(init.init)
    app.command("migrate")(migrate.migrate)
    app.command("doctor", epilog=DOCTOR_EPILOG)(doctor.doctor)
    return app


def run_command() -> int:
    """Run the command that this process's arguments name, and return its exit status."""
    tried = Tried()
    try:
        return int(build_app()(standalone_mode=False, obj=tried) or Exit.DONE)
    except typer.Abort:
        return Exit.INTERRUPTED
    except typer.TyperException as wrong:
        print_error(f"{wrong.format_message()} (--help says more)")
        return Exit.USAGE
    except StartError as error:
        print_error(str(error))
        return Exit.USAGE
    except ClientError as error:
        said = error.detail if isinstance(error, Problem) else str(error)
        print_error(f"{said}{_hint(error, tried)}")
        return _status_of(error)


def _hint(error: ClientError, tried: Tried) -> str:
    """Where the URL is from at which no node answers, and what to do about it."""
    if isinstance(error, Unauthenticated):
        return f"; give one in {TOKEN_VARIABLE} or by --token"
    if tried.url and isinstance(error, Problem) and error.type.endswith(":misdirected"):
        return f" of the node, or ask by another one: the URL {tried.url.url} is {tried.url.source}"
    if tried.url and isinstance(error, Problem) and error.type.endswith(":no-such-path"):
        has_path = urlsplit(tried.url.url).path.strip("/")
        return (
            f"; the URL {tried.url.url} is {tried.url.source}: is its path right?"
            if has_path
            else ""
        )
    if isinstance(error, Lost) or not isinstance(error, Unreachable) or tried.url is None:
        return ""
    if isinstance(error, WrongServer):
        return f"; the URL is {tried.url.source}: correct it, or {ELSEWHERE}"
    mend = f"start a node here with {program()}, or {ELSEWHERE}"
    return (
        f" (the URL is {tried.url.source}; {mend if tried.url.configured else 'is a node there?'})"
    )


def _status_of(error: ClientError) -> Exit:
    match error:
        case NoSuchJob():
            return Exit.NO_SUCH_JOB
        case Unauthenticated() | Forbidden():
            return Exit.NOT_ALLOWED
        case Unreachable():
            return Exit.UNREACHABLE
        case Problem(status=400):
            return Exit.USAGE
        case _:
            return Exit.REFUSED

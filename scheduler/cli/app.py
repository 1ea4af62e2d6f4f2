"""The table of commands, and the exit statuses of their errors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from atlanscheduler_client import ClientError, Lost, NoSuchJob, Problem, Unreachable
from scheduler import __version__
from scheduler.cli import abort, follow, init, migrate, read, submit
from scheduler.cli.exit_status import Exit
from scheduler.cli.run_node import run_node
from scheduler.cli.terminal import print_error

NODE_EPILOG: Final = (
    "SIGTERM or SIGINT drains the node; a second one ends it at once. "
    "SIGHUP loads the handlers anew. "
    "Exit status: 0 after a drain, 2 where the node cannot start, 1 for a defect."
)
JOB_EPILOG: Final = (
    "Exit status: 0 successful, 3 terminated, 4 aborted, 5 time up, 6 no such job, "
    "7 no node answers, 1 refused by the node, 2 wrong usage."
)


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
        return run_node(config, reload=reload)
    if config is not None:
        raise typer.BadParameter("it is for running a node, not for a command to it")
    return Exit.DONE


def build_app() -> typer.Typer:
    """The application with all commands."""
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    app.callback(invoke_without_command=True, epilog=NODE_EPILOG)(node)
    app.command("submit")(submit.submit)
    app.command("list")(read.list_jobs)
    app.command("show")(read.show)
    app.command("wait", epilog=JOB_EPILOG)(follow.wait)
    app.command("watch", epilog=JOB_EPILOG)(follow.watch)
    app.command("logs")(follow.logs)
    app.command("abort")(abort.abort)
    app.command("abort-all")(abort.abort_all)
    app.command("tasks")(read.tasks)
    app.command("nodes")(read.nodes)
    app.command("init")(init.init)
    app.command("migrate")(migrate.migrate)
    return app


def run_command() -> int:
    """Run the command that this process's arguments name, and return its exit status."""
    try:
        return int(build_app()(standalone_mode=False) or Exit.DONE)
    except typer.Abort:
        return Exit.INTERRUPTED
    except typer.TyperException as wrong:
        print_error(f"{wrong.format_message()} (--help says more)")
        return Exit.USAGE
    except ClientError as error:
        print_error(f"{error}{_hint(error)}")
        return _status_of(error)


def _hint(error: ClientError) -> str:
    """A hint for users whose node has another URL and who may not know the option for it."""
    never_answered = isinstance(error, Unreachable) and not isinstance(error, Lost)
    return " (--url or ATLANSCHEDULER_URL names another)" if never_answered else ""


def _status_of(error: ClientError) -> Exit:
    match error:
        case NoSuchJob():
            return Exit.NO_SUCH_JOB
        case Unreachable():
            return Exit.UNREACHABLE
        case Problem(status=400):
            return Exit.USAGE
        case _:
            return Exit.REFUSED

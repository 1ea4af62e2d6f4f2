"""Makes what a first node needs: `config.toml`, and `hello.py` as a first handler."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from scheduler.cli.exit_status import Exit
from scheduler.cli.terminal import print_error
from scheduler.installation import program

ROOT: Final = Path(__file__).parents[3]
HELLO: Final = "handlers/hello.py"
MADE: Final = {"config.toml": ROOT / "config.toml", HELLO: Path(__file__).with_name("hello.py")}


def init(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Where; made if it is missing.")
    ] = Path(),
) -> Exit:
    """Make config.toml and a first handler, handlers/hello.py, in a folder."""
    try:
        for name in ("config.toml", "handlers"):
            if (folder / name).exists():
                print_error(f"{folder / name} is there already: nothing was made")
                return Exit.USAGE
        (folder / "handlers").mkdir(parents=True)
        for name, source in MADE.items():
            (folder / name).write_bytes(source.read_bytes())
    except OSError as error:
        print_error(f"{error.filename}: {error.strerror}")
        return Exit.USAGE
    there = "" if folder == Path() else f"cd {folder} && "
    typer.echo(
        f"made {folder / 'config.toml'} and {folder / HELLO}\n"
        f"start the node:  {there}{program()}\n"
        f'submit a job:    {program()} submit ada hello \'{{"name": "Ada"}}\' --wait'
    )
    return Exit.DONE

"""Makes what a first node needs: `config.toml`, and `hello.py` as a first handler."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import typer

from scheduler.cli.exit_status import Exit
from scheduler.cli.node_url import configured_url
from scheduler.cli.terminal import print_error
from scheduler.core.errors import StartError
from scheduler.installation import ROOT, program

CONFIG: Final = "config.toml"
HANDLERS: Final = "handlers"
HELLO: Final = f"{HANDLERS}/hello.py"
SOURCES: Final = {CONFIG: ROOT / CONFIG, HELLO: Path(__file__).with_name("hello.py")}
MADE_FOR: Final = {CONFIG: CONFIG, HANDLERS: HELLO}
"""What is made where one of these is missing."""
CONNECT_S: Final = 1.0


def init(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Where; made if it is missing.")
    ] = Path(),
) -> Exit:
    """Make config.toml and a first handler, handlers/hello.py, in a folder."""
    left = [name for name in MADE_FOR if (folder / name).exists()]
    made = [file for name, file in MADE_FOR.items() if name not in left]
    there = f"{' and '.join(str(folder / name) for name in left)} {'are' if made == [] else 'is'}"
    if not made:
        print_error(f"{there} there already: nothing was made")
        return Exit.USAGE
    try:
        for name in made:
            _copy(SOURCES[name], folder / name)
    except OSError as error:
        print_error(f"{error.filename}: {error.strerror}")
        return Exit.USAGE
    typer.echo(f"made {' and '.join(str(folder / name) for name in made)}")
    if left:
        typer.echo(f"{there} there already, and was left as it is")
    _say_what_next(folder, has_hello=HELLO in made)
    return Exit.DONE


def _copy(source: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    with to.open("xb") as file:  # never overwrites
        file.write(source.read_bytes())


def _say_what_next(folder: Path, *, has_hello: bool) -> None:
    there = "" if folder == Path() else f"cd {folder} && "
    typer.echo(f"start the node:  {there}{program()}")
    typer.echo(f"it will be at:   {_url(folder / CONFIG)}")
    if has_hello:
        order = '{"name": "Ada"}'
        typer.echo(f"submit a job:    {there}{program()} submit ada hello '{order}' --wait")


def _url(config: Path) -> str:
    """Where the node will be, and whether somebody is there already."""
    try:
        url, source, _ = configured_url(config, os.environ)
    except StartError as error:
        return str(error)
    taken = " (something listens there already: set another [http] port)" if _is_taken(url) else ""
    return f"{url}, {source}{taken}"


def _is_taken(url: str) -> bool:
    address = urlsplit(url)
    try:
        socket.create_connection((address.hostname, address.port), CONNECT_S).close()
    except OSError:
        return False
    return True

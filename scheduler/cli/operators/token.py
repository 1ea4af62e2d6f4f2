"""The commands `token create`, `token list`, `token revoke` and `token admin`."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from atlanscheduler_client import Client, Role
from scheduler.cli import rendering
from scheduler.cli.options import CONFIGURED, AsJson, Config, Token, Url, duration, in_path
from scheduler.cli.terminal import print_json, print_rich

app = typer.Typer(help="Make, list and revoke tokens.")


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for, or whose it is.")],
    role: Annotated[Role, typer.Option(help="What its bearer may do.")],
    uid: Annotated[
        list[str],
        typer.Option(
            metavar="UID",
            help="A user it acts for: a uid, the beginning of uids with * at its end, or * for"
            " all; several options give several.",
        ),
    ],
    expires: Annotated[
        timedelta | None,
        typer.Option(parser=duration, metavar="90d", help="When it expires (default: never)."),
    ] = None,
    url: Url = CONFIGURED,
    token: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Make a token, and print it alone: it is shown this once."""
    expires_at = None if expires is None else datetime.now(UTC) + expires
    with Client(url, token=token) as client:
        made = client.create_token(name, role=role, uids=uid, expires_at=expires_at)
    if as_json:
        print_json(made)
    else:
        typer.echo(made.token)


@app.command("list")
def list_tokens(url: Url = CONFIGURED, token: Token = None, *, as_json: AsJson = False) -> None:
    """List tokens, newest first, whether they have force or not."""
    with Client(url, token=token) as client:
        found = client.tokens()
    if as_json:
        print_json(found)
    else:
        print_rich(rendering.tokens(found))


@app.command("revoke")
def revoke(
    token_id: Annotated[
        str, typer.Argument(metavar="ID", callback=in_path, help="The token's id, as listed.")
    ],
    url: Url = CONFIGURED,
    token: Token = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Revoke a token: within five seconds it has no force on any node."""
    with Client(url, token=token) as client:
        revoked = client.revoke_token(token_id)
    if as_json:
        print_json(revoked)
    else:
        typer.echo(f"{revoked.id} ({revoked.name}) is revoked")


@app.command("admin")
def admin(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose it is.")],
    config: Config = None,
) -> None:
    """Make a token with the role admin in the store itself, and print it alone.

    It is for whoever has no token yet, or none any more, and may use the store: with PostgreSQL
    while nodes run, with SQLite while none does.
    """
    # Imported here, so that no other command waits for the import of the whole scheduler.
    from scheduler.node.admin_token import make_admin_token  # noqa: PLC0415
    from scheduler.node.config.loading import load  # noqa: PLC0415

    typer.echo(make_admin_token(load(config, os.environ), name))

"""Makes a token with the role admin in the store itself, where no node can be asked for one."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from scheduler.api.requests.checking import checked
from scheduler.api.requests.models import TokenOrder
from scheduler.basics.clock import SystemClock
from scheduler.core.access.principal import ALL, EVERYBODY, Role
from scheduler.core.errors import Invalid, StartError
from scheduler.node.config.loading import Config
from scheduler.node.preflight import reach
from scheduler.service.access.tokens import Tokens
from scheduler.store import open_store
from scheduler.telemetry import log_lines


def make_admin_token(config: Config, name: str) -> str:
    """Make a token; its text. Whoever can use the store may do what he likes anyway.

    Nodes may run meanwhile, unless the store is a file, which a node keeps for itself.

    Raises:
        StartError: the store cannot be used, or the name cannot be one.
    """
    try:
        checked(TokenOrder, {"name": name, "role": Role.ADMIN, "uids": [ALL]}, prefix="")
    except Invalid as error:
        raise StartError(str(error)) from None
    log_lines.configure(node="token admin")
    return asyncio.run(_make(config, name, Path(config.node.data_dir).resolve()))


async def _make(config: Config, name: str, data_dir: Path) -> str:
    store = config.store
    async with AsyncExitStack() as stack:
        opened = await reach(
            "store", lambda: open_store(store.url, data_dir=data_dir, schema=store.schema), stack
        )
        made = await Tokens(opened.tokens, None, SystemClock()).create(
            EVERYBODY, name=name, role=Role.ADMIN, uids=[ALL], expires_at=None
        )
        return made.secret.text

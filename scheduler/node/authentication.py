"""Who may ask this node: the mode of `[auth]`, and the first token of an installation."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from hashlib import sha256
from ipaddress import ip_network
from pathlib import Path
from typing import Final

from scheduler.api.access.authentication import (
    Authentication,
    NoAuthentication,
    ProxyAuthentication,
    TokenAuthentication,
)
from scheduler.api.access.clients import Clients
from scheduler.api.access.gate import Gate
from scheduler.api.access.hosts import Hosts
from scheduler.api.access.job_tokens import JobTokens
from scheduler.api.access.parts import Access
from scheduler.core.access.audit import Action
from scheduler.core.access.principal import ALL, Principal, Role
from scheduler.core.access.token import Secret, Token, new_secret, parsed
from scheduler.core.errors import StartError
from scheduler.core.ports.clock import Clock
from scheduler.core.ports.queue import Queue
from scheduler.core.ports.store import Store
from scheduler.core.ports.token_store import TokenStore
from scheduler.node.config.auth import AuthSection
from scheduler.node.config.sections import HttpSection
from scheduler.node.listening import reaches_others
from scheduler.node.running_node import say
from scheduler.service.access.audit import Audit, recorded
from scheduler.service.access.failed_logins import FailedLogins
from scheduler.service.access.sessions import Sessions
from scheduler.service.access.tokens import Tokens

FILE: Final = "admin-token"
"""In data_dir: the first token, for whoever may read that folder."""
FIRST_ID: Final = "0" * 12
"""The first token's id: of several nodes that start at once, one stores it."""
OUTSIDE: Final = "SCHEDULER_AUTH__ADMIN_TOKEN"


def require_safe(auth: AuthSection, hosts: Sequence[str]) -> None:
    """Refuse to let everybody who reaches a node do everything, unless that is wanted.

    Raises:
        StartError: other machines reach the node, and it asks nobody who he is.
    """
    if auth.mode == "none" and not auth.insecure and (host := reaches_others(hosts)):
        raise StartError(
            f"[http] host = {host!r}: other machines reach the node, and [auth] mode = 'none' lets"
            " everybody do everything; set mode = 'tokens', or listen on 127.0.0.1, or set"
            " insecure = true if only those whom you trust reach it"
        )


async def access(
    http: HttpSection, auth: AuthSection, store: Store, queue: Queue, clock: Clock
) -> Access:
    """What finds out who asks.

    Raises:
        StoreUnavailable: the secret of the jobs' tokens cannot be read.
    """
    tokens = Tokens(store.tokens, queue, clock)
    failed_logins = FailedLogins(store.audit, clock)
    sessions = Sessions(store.tokens, tokens, failed_logins, clock)
    clients = Clients([ip_network(each) for each in auth.proxies])
    cookie = _cookie(http, store.identity)
    secret = await store.tokens.job_secret()
    job_tokens = JobTokens(store, clock, secret=secret)
    by_token = TokenAuthentication(tokens, job_tokens, sessions, cookie)
    return Access(
        hosts=Hosts(http.addresses, http.hosts),
        gate=Gate(_authentication(auth, by_token), tokens, sessions, clients, clock),
        clients=clients,
        tokens=tokens,
        job_tokens=None if auth.mode == "none" else job_tokens,
        sessions=sessions,
        session_cookie=cookie,
        audit=Audit(store.audit),
        failed_logins=failed_logins,
        open_metrics=auth.metrics == "open",
    )


def _cookie(http: HttpSection, identity: str) -> str:
    """The name of the cookie that has a session.

    Cookies heed no port: two installations on one host must not take each other's. Nor do they heed
    who sets them, so another host of the same domain could have somebody work in its own session:
    browsers let no other host set a name that begins with `__Host-`, and none without https one
    that begins with `__Secure-`. Both are only for https, as this node or none speaks it.
    """
    prefix = "__Secure-" if http.path_prefix else "__Host-"  # this one is only for the path /
    name = f"atl_{sha256(identity.encode()).hexdigest()[:8]}"
    return f"{prefix}{name}" if http.tls_certificate else name


def _authentication(auth: AuthSection, by_token: TokenAuthentication) -> Authentication:
    if auth.mode == "none":
        return NoAuthentication()
    if auth.mode == "tokens":
        return by_token
    groups = {name: rights.grant for name, rights in auth.groups.items()}
    return ProxyAuthentication([ip_network(each) for each in auth.proxies], groups, by_token)


async def make_first_token(
    auth: AuthSection, store: TokenStore, clock: Clock, data_dir: Path
) -> None:
    """See to it that somebody can make tokens: store the one from outside, or else make one.

    Raises:
        StartError: data_dir cannot be written to.
    """
    if auth.mode == "none":
        return
    if auth.admin_token:
        given = parsed(auth.admin_token)
        assert given is not None  # noqa: S101 - the section has checked its form
        await _store_given(given, store, clock)
    elif not await store.page(limit=1):
        await _make(store, clock, data_dir / FILE)


async def _store_given(given: Secret, store: TokenStore, clock: Clock) -> None:
    if await _add(_admin(given, OUTSIDE, clock), store):
        return
    (stored,) = await store.find([given.id])
    if not stored.is_of(given) or not stored.valid(clock.now()):
        raise StartError(
            f"[auth] admin_token: the token with the id {given.id} was revoked, or has another"
            " secret; give one with a new id"
        )


async def _make(store: TokenStore, clock: Clock, file: Path) -> None:
    secret = Secret(FIRST_ID, new_secret().secret)
    # The file first: a token that is stored, and that nobody has, would keep all others out.
    _write(secret, file)
    if await _add(_admin(secret, "first start", clock), store):
        say(f"the first token, with the role admin, is in {file}")
    else:  # another node was faster
        await asyncio.to_thread(file.unlink)


async def _add(token: Token, store: TokenStore) -> bool:
    """Store a token that the node itself makes."""
    node = Principal(name=None, grants=())
    detail = {"name": token.name, "role": token.role}
    audit = recorded(node, Action.CREATE_TOKEN, at=token.created_at, target=token.id, detail=detail)
    return await store.add(token, audit=audit)


def _write(secret: Secret, file: Path) -> None:
    try:
        file.unlink(missing_ok=True)  # it may be a link, or open to others
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="ascii") as out:  # noqa: PTH123 - opened above
            out.write(f"{secret.text}\n")
    except OSError as error:
        raise StartError(f"{file}: the first token cannot be written: {error.strerror}") from error


def _admin(secret: Secret, name: str, clock: Clock) -> Token:
    return Token(
        id=secret.id,
        digest=secret.digest,
        name=name,
        role=Role.ADMIN,
        uids=(ALL,),
        created_at=clock.now(),
        created_by=None,
        expires_at=None,
    )

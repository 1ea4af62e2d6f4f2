"""What a node needs to find out who asks, by its configuration."""

from __future__ import annotations

import pytest

from scheduler.node.authentication import access
from scheduler.node.config.auth import AuthSection
from scheduler.node.config.sections import HttpSection
from tests.fakes import FakeClock, MemoryQueue, MemoryStore

CERTIFICATE = "/etc/ssl/jobs.pem"


@pytest.mark.parametrize(
    ("http", "prefix"),
    [
        (HttpSection(), ""),
        (HttpSection(tls_certificate=CERTIFICATE), "__Host-"),
        (HttpSection(tls_certificate=CERTIFICATE, path_prefix="/jobs"), "__Secure-"),
        (HttpSection(path_prefix="/jobs"), ""),
    ],
)
async def test_by_https_no_other_host_can_give_a_session(http: HttpSection, prefix: str) -> None:
    """Else a page of a neighbour could have somebody work in the neighbour's session."""
    found = await access(http, AuthSection(), MemoryStore(), MemoryQueue(), FakeClock())
    cookie = found.session_cookie
    assert cookie.rpartition("-")[0] == prefix.rstrip("-")
    assert cookie.removeprefix(prefix).startswith("atl_")

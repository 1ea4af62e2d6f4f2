"""Redis through TLS, with certificates of clients: what works, and what is told at the start."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import pytest

from scheduler.core.errors import QueueUnavailable, StartError
from scheduler.queue import open_queue
from tests.integration.nodes.test_node import refusal
from tests.support.nodes import Nodes
from tests.support.programs import program
from tests.support.queues import CHANCE
from tests.support.servers.certificates import Authority
from tests.support.servers.ports import free_port
from tests.support.servers.redis import RedisServer
from tests.support.stores import waiting

SECRET = "sesame"  # noqa: S105 - of a server that lives for one test


class Site(NamedTuple):
    """A server that wants a certificate of its clients, and one for a client."""

    server: RedisServer
    port: int
    options: list[str]
    authority: Authority
    certificate: Path
    key: Path

    def url(self, scheme: str = "rediss", place: str = "", **changed: object) -> str:
        named: dict[str, object] = {
            "ssl_ca_certs": self.authority.certificate,
            "ssl_certfile": self.certificate,
            "ssl_keyfile": self.key,
            **changed,
        }
        query = urlencode({name: each for name, each in named.items() if each is not None})
        return f"{scheme}://:{SECRET}@{place or f'127.0.0.1:{self.port}'}?{query}"


@pytest.fixture(name="site")
def site_fixture(tmp_path: Path) -> Iterator[Site]:
    authority, port = Authority(tmp_path / "certificates"), free_port()
    certificate, key = authority.sign("server")
    options = [
        *("--tls-cert-file", str(certificate), "--tls-key-file", str(key)),
        *("--tls-ca-cert-file", str(authority.certificate), "--tls-auth-clients", "yes"),
    ]
    server = RedisServer(
        program("redis-server"), tmp_path, options=["--tls-port", str(port), *options]
    )
    server.start()
    server.command("CONFIG", "SET", "requirepass", SECRET)
    try:
        yield Site(server, port, options, authority, *authority.sign("node"))
    finally:
        server.stop()


async def test_a_node_runs_jobs_through_tls_with_a_certificate_of_its_own(
    site: Site, start_node: Nodes
) -> None:
    node = start_node(QUEUE__URL=site.url())

    assert (await node.outcome("echo", 1))["status"] == "successful"
    assert node.drain() == 0
    assert SECRET not in node.log


async def test_sentinels_are_asked_through_tls_with_their_own_password(
    site: Site, start_node: Nodes, tmp_path: Path
) -> None:
    """They get the password of the sentinels, and not that of the server."""
    folder, port = tmp_path / "sentinel", free_port()
    folder.mkdir()
    (folder / "sentinel.conf").write_text(
        f"sentinel monitor main 127.0.0.1 {site.port} 1\nsentinel auth-pass main {SECRET}\n"
    )
    sentinel = RedisServer(
        program("redis-server"),
        folder,
        options=["--sentinel", "--tls-port", str(port), "--tls-replication", "yes", *site.options],
        configuration="sentinel.conf",
    )
    sentinel.start()
    try:
        sentinel.ask("ACL", "SETUSER", "default", "resetpass", ">other")
        url = site.url("rediss+sentinel", f"127.0.0.1:{port}/main")
        node = start_node(QUEUE__URL=f"{url}&sentinel_password=other")
        assert (await node.outcome("echo", 1))["status"] == "successful"
        assert SECRET not in node.log
    finally:
        sentinel.stop()


@pytest.mark.parametrize("name", ["ssl_ca_certs", "ssl_certfile", "ssl_keyfile"])
@pytest.mark.parametrize(("file", "told"), [("missing", "no such file"), ("nonsense", "used")])
async def test_a_file_that_cannot_be_used_is_named_at_once(
    name: str, file: str, told: str, site: Site, tmp_path: Path
) -> None:
    """Later it would look like a server that is away."""
    (tmp_path / "nonsense").write_text("nonsense")
    path = tmp_path / file
    with pytest.raises(StartError, match=rf"^\[queue\] url: .*{name} = {path}.*{told}"):
        await _open(site.url("rediss", "", **{name: path}))


async def test_a_key_with_a_password_asks_nobody(site: Site) -> None:
    """OpenSSL would ask on the terminal, and a service has none."""
    key = site.authority.encrypted(site.key, "open")
    with pytest.raises(StartError, match="cannot be used"):
        await _open(site.url(ssl_keyfile=key))

    await _open(site.url(ssl_keyfile=key, ssl_password="open"))  # noqa: S106


async def test_a_client_or_a_server_of_another_authority_is_refused(
    site: Site, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path / "stranger")
    certificate, key = stranger.sign("node")
    for url in (
        site.url(ssl_certfile=certificate, ssl_keyfile=key),
        site.url(ssl_certfile=None, ssl_keyfile=None),
        site.url(ssl_ca_certs=stranger.certificate),
    ):
        with pytest.raises(QueueUnavailable) as refused:
            await _open(url)
        assert SECRET not in str(refused.value)


async def test_a_node_with_a_wrong_file_says_so_in_one_line(site: Site, tmp_path: Path) -> None:
    said = await refusal(tmp_path, QUEUE__URL=site.url(ssl_keyfile="/nowhere.key"))

    assert "ssl_keyfile = /nowhere.key: there is no such file" in said
    assert SECRET not in said


async def _open(url: str) -> None:
    async with open_queue(
        url, namespace="tls", node_id="a", data_dir=Path("unused"), random=CHANCE
    ) as queue:
        await queue.enqueue(waiting("1"))

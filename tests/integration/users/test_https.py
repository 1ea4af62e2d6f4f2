"""A node that speaks https itself is used like any other, and takes up a renewed certificate."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from atlanscheduler_client import AsyncClient, Client, WrongServer
from tests.support.commands import command
from tests.support.eventually import eventually
from tests.support.nodes import Node, Nodes
from tests.support.servers.certificates import Authority


@pytest.fixture(name="folder", scope="module")
def folder_fixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the authority, and of the certificate of the node."""
    return tmp_path_factory.mktemp("https")


@pytest.fixture(name="authority", scope="module")
def authority_fixture(folder: Path) -> Iterator[Authority]:
    """What node, jobs and clients trust."""
    authority = Authority(folder / "authority")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(authority.certificate))
        yield authority


@pytest.fixture(name="secure", scope="module")
def secure_fixture(authority: Authority, folder: Path) -> Iterator[Node]:
    """A node with a certificate."""
    certify(folder, authority, "first")
    nodes = Nodes(folder)
    try:
        yield nodes(HTTP__TLS_CERTIFICATE=folder / "node.pem", HTTP__TLS_KEY=folder / "node.key")
    finally:
        nodes.close()


def certify(folder: Path, authority: Authority, name: str) -> None:
    """Put a certificate with this name where the node looks for its own."""
    for source, file in zip(authority.sign(name), ("node.pem", "node.key"), strict=True):
        shutil.copy(source, folder / file)


async def test_programs_commands_and_jobs_use_it(secure: Node) -> None:
    """A job that submits others finds its node by https as well."""
    assert secure.url.startswith("https://127.0.0.1:")

    def use() -> None:
        with Client(secure.url) as client:
            job = client.submit("ada", "submit", ["echo"])
            assert client.wait("ada", job.id, timeout_s=60).status == "successful"

    await asyncio.to_thread(use)
    assert (await command(secure, "list", "ada")).output.count("echo") >= 2


async def test_a_certificate_without_the_name_is_named_with_the_mend(
    authority: Authority, start_node: Nodes, tmp_path: Path
) -> None:
    """By both clients and by the command, which takes the URL from the configuration."""
    certificate, key = authority.sign("other", host="DNS:jobs.example")
    node = start_node(HTTP__TLS_CERTIFICATE=certificate, HTTP__TLS_KEY=key)
    said = "does not do: .*; use a name that it has, and let SSL_CERT_FILE name its authority"
    with pytest.raises(WrongServer, match=said):
        await asyncio.to_thread(lambda: Client(node.url, retry_s=0).tasks())
    async with AsyncClient(node.url, retry_s=0) as client:
        with pytest.raises(WrongServer, match=said):
            await client.tasks()

    port = node.url.rpartition(":")[2]
    (tmp_path / "config.toml").write_text(
        f"http.port = {port}\nhttp.tls_certificate = '{certificate}'\nhttp.tls_key = '{key}'\n"
        f"node.data_dir = '{node.folder}/data'\n"
    )
    ended = await command(None, "tasks", folder=tmp_path)
    assert ended.status == 7
    assert f"at https://127.0.0.1:{port} does not do: IP address mismatch" in ended.errors
    found = await command(None, "doctor", "--json", folder=tmp_path)
    (of_port,) = (each for each in found.json if each["check"] == "port")
    assert of_port["found"].endswith(f"at https://127.0.0.1:{port}: the node that runs here")


async def test_a_renewed_certificate_is_taken_up(
    secure: Node, authority: Authority, folder: Path
) -> None:
    """While jobs run: nothing is restarted."""
    certify(folder, authority, "second")
    await eventually(lambda: shown_name(secure, authority) == "second", within_s=60)


async def test_a_client_that_says_nothing_is_let_go(secure: Node) -> None:
    """As one that sends no header by http: else a few hundred of them keep all others out."""
    port = int(secure.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(60):
        assert await reader.read() == b""
    writer.close()


def shown_name(node: Node, authority: Authority) -> str:
    """The name in the certificate that a new client is shown."""
    context = ssl.create_default_context(cafile=str(authority.certificate))
    address = "127.0.0.1", int(node.url.rpartition(":")[2])
    with (
        socket.create_connection(address, 10) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
    ):
        certificate = connection.getpeercert()
    assert certificate is not None
    return str(dict(each[0] for each in certificate["subject"])["commonName"])  # type: ignore[misc]

"""The node's own TLS: old protocols are refused, and a renewed certificate is taken up."""

from __future__ import annotations

import asyncio
import shutil
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from scheduler.basics.background import background
from scheduler.core.errors import StartError
from scheduler.node import tls
from scheduler.node.tls import Certificate
from tests.support.eventually import eventually
from tests.support.servers.certificates import Authority


@pytest.fixture(name="authority", scope="module")
def authority_fixture(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Signs the certificates of this file."""
    return Authority(tmp_path_factory.mktemp("tls") / "authority")


@pytest.fixture(name="pair")
def pair_fixture(authority: Authority, tmp_path: Path) -> tuple[Path, Path]:
    """A certificate and its key, in files that a test may replace."""
    return put(authority.sign("first"), tmp_path)


def put(pair: tuple[Path, Path], folder: Path) -> tuple[Path, Path]:
    """Replace the files, as a program that renews certificates does."""
    placed = folder / "node.pem", folder / "node.key"
    for source, target in zip(pair, placed, strict=True):
        shutil.copy(source, target.with_suffix(".new"))
        target.with_suffix(".new").replace(target)
    return placed


class Spoken:
    """Clients of a server with a certificate."""

    def __init__(self, authority: Authority, port: int) -> None:
        self._authority = authority
        self._port = port

    async def name(self, **versions: ssl.TLSVersion) -> str:
        """The name in the certificate that a new client is shown."""
        context = ssl.create_default_context(cafile=str(self._authority.certificate))
        for name, version in versions.items():
            setattr(context, name, version)
        _, writer = await asyncio.open_connection("127.0.0.1", self._port, ssl=context)
        shown = writer.get_extra_info("peercert")
        writer.close()
        await writer.wait_closed()
        return str(dict(each[0] for each in shown["subject"])["commonName"])


@pytest.fixture(name="certificate")
def certificate_fixture(pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Certificate:
    monkeypatch.setattr(tls, "LOOK_S", 0.02)
    return Certificate(*pair)


@pytest.fixture(name="spoken")
async def spoken_fixture(certificate: Certificate, authority: Authority) -> AsyncIterator[Spoken]:
    runner = web.AppRunner(web.Application())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=certificate.context)
    await site.start()
    async with background(certificate=certificate.watch()):
        yield Spoken(authority, runner.addresses[0][1])
    await runner.cleanup()


async def test_clients_that_check_certificates_are_served(spoken: Spoken) -> None:
    """By TLS 1.2 as well, which many libraries still speak."""
    assert await spoken.name() == "first"
    assert await spoken.name(maximum_version=ssl.TLSVersion.TLSv1_2) == "first"


@pytest.mark.filterwarnings("ignore:.*TLSv1.*is deprecated")
async def test_protocols_older_than_tls_1_2_are_refused(spoken: Spoken) -> None:
    """RFC 8996: they must not be used any more."""
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await spoken.name(
            minimum_version=ssl.TLSVersion.TLSv1, maximum_version=ssl.TLSVersion.TLSv1_1
        )


async def test_a_renewed_certificate_is_taken_up(
    spoken: Spoken, authority: Authority, tmp_path: Path
) -> None:
    """Certificates are renewed every few weeks, and nobody restarts a node with running jobs."""
    put(authority.sign("second"), tmp_path)

    async def renewed() -> bool:
        return await spoken.name() == "second"

    await eventually(renewed)


async def test_a_pair_that_does_not_fit_changes_nothing(
    spoken: Spoken, certificate: Certificate, authority: Authority, tmp_path: Path
) -> None:
    """Between the writes of its two files, or mixed up; the next change is looked at again."""
    second, _ = authority.sign("second")
    _, third_key = authority.sign("third")
    put((second, third_key), tmp_path)
    await certificate.look()
    assert await spoken.name() == "first"
    (tmp_path / "node.pem").unlink()
    await certificate.look()
    assert await spoken.name() == "first"
    put(authority.sign("fourth"), tmp_path)

    async def renewed() -> bool:
        return await spoken.name() == "fourth"

    await eventually(renewed)


def test_one_file_may_have_both(pair: tuple[Path, Path], tmp_path: Path) -> None:
    """As some programs that renew certificates write it."""
    both = tmp_path / "both.pem"
    both.write_bytes(b"".join(path.read_bytes() for path in pair))
    assert Certificate(both, None).context


def test_a_pair_that_cannot_be_used_stops_the_start_in_one_line(
    pair: tuple[Path, Path], authority: Authority, tmp_path: Path
) -> None:
    """Each with its reason; and nobody is asked for a password on the terminal."""
    certificate, key = pair
    _, other_key = authority.sign("other")
    nonsense = tmp_path / "nonsense"
    nonsense.write_text("nonsense")
    for given, said in {
        (certificate, other_key): "the key belongs to another certificate",
        (certificate, authority.encrypted(key, "sesame")): "the key has a password",
        (nonsense, key): "wanted are a certificate and its key in PEM",
        (certificate, nonsense): "wanted are a certificate and its key in PEM",
        (certificate, None): "wanted are a certificate and its key in PEM",
        (tmp_path / "none", key): "[http] tls_certificate = ",
        (certificate, tmp_path / "none"): "[http] tls_key = ",
    }.items():
        with pytest.raises(StartError) as refused:
            Certificate(*given)
        assert said in str(refused.value)
        assert "\n" not in str(refused.value)

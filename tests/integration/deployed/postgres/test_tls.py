"""TLS to PostgreSQL: what `sslmode` promises holds, and what is wrong is told in one line."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
import structlog

from scheduler.core.errors import StartError, StoreUnavailable
from scheduler.store import open_store
from scheduler.store.postgres_url import Connector, read
from tests.integration.deployed.postgres.place import Place
from tests.integration.deployed.postgres.tls import Certificates, TlsProxy, server_context


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("tls") / "own")


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Of a CA that nobody trusts."""
    return Certificates(tmp_path_factory.mktemp("tls") / "strangers")


@pytest.fixture(scope="module")
def certificate(certificates: Certificates) -> tuple[Path, Path]:
    return certificates.signed("server", host="127.0.0.1")


@pytest.fixture
async def proxy(place: Place, certificate: tuple[Path, Path]) -> AsyncIterator[TlsProxy]:
    async with TlsProxy(place.server.port, server_context(certificate)).running() as proxy:
        yield proxy


@pytest.fixture(autouse=True)
def no_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Else certificates of whoever runs the tests would count."""
    monkeypatch.setenv("HOME", str(tmp_path))


def opening(
    place: Place, tmp_path: Path, **parameters: object
) -> AbstractAsyncContextManager[object]:
    return open_store(place.url(place.owner, **parameters), data_dir=tmp_path)  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["prefer", "allow", "require", "verify-ca", "verify-full"])
async def test_a_connection_has_tls_where_it_is_asked_for(
    place: Place, proxy: TlsProxy, certificates: Certificates, tmp_path: Path, mode: str
) -> None:
    """`allow` tries without, and the server takes it."""
    root = {"sslrootcert": certificates.root} if mode.startswith("verify") else {}
    async with opening(place, tmp_path, port=proxy.port, sslmode=mode, **root):
        assert bool(proxy.secured) is (mode != "allow")


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
async def test_a_server_without_tls_is_not_used_where_it_is_required(
    place: Place, certificates: Certificates, tmp_path: Path, mode: str
) -> None:
    """Else the password of the next login would be read on the way."""
    async with TlsProxy(place.server.port, None).running() as proxy:
        with pytest.raises(StoreUnavailable, match="rejected SSL upgrade"):
            async with opening(
                place, tmp_path, port=proxy.port, sslmode=mode, sslrootcert=certificates.root
            ):
                pass
        async with opening(place, tmp_path, port=proxy.port, sslmode="prefer"):
            pass


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
async def test_a_certificate_of_a_stranger_is_refused(
    place: Place,
    proxy: TlsProxy,
    strangers: Certificates,
    tmp_path: Path,
    mode: str,
) -> None:
    """In one line, at once: waiting does not help. As in libpq, a root makes `require` verify."""
    with pytest.raises(StartError, match="certificate is not trusted") as refused:
        async with opening(
            place, tmp_path, port=proxy.port, sslrootcert=strangers.root, sslmode=mode
        ):
            pass

    assert "\n" not in str(refused.value)
    assert proxy.secured == 0


async def test_a_certificate_for_another_host_is_refused_only_by_verify_full(
    place: Place, certificates: Certificates, tmp_path: Path
) -> None:
    context = server_context(certificates.signed("other", host="db.example"))
    root = {"sslrootcert": certificates.root}
    async with TlsProxy(place.server.port, context).running() as proxy:
        async with opening(place, tmp_path, port=proxy.port, sslmode="verify-ca", **root):
            pass
        with pytest.raises(StartError, match=r"not valid for '127\.0\.0\.1'"):
            async with opening(place, tmp_path, port=proxy.port, sslmode="verify-full", **root):
                pass


async def test_the_system_s_certificates_are_trusted_by_name(
    place: Place,
    proxy: TlsProxy,
    certificates: Certificates,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """`sslrootcert=system`, as Neon's pages have it: no file is copied to any machine."""
    with pytest.raises(StartError, match="certificate is not trusted"):
        async with opening(place, tmp_path, port=proxy.port, sslrootcert="system"):
            pass

    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.root))
    async with opening(place, tmp_path, port=proxy.port, sslrootcert="system"):
        assert proxy.secured


async def test_channel_binding_that_is_required_is_never_weakened_in_silence(
    place: Place,
    proxy: TlsProxy,
    certificates: Certificates,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """The driver has none, and Neon asks everybody for it: the certificate is verified instead.

    `sslmode=require` alone would take the certificate of whoever stands in between.
    """
    url = {"port": proxy.port, "sslmode": "require", "channel_binding": "require"}
    with pytest.raises(StartError, match="certificate is not trusted"):
        async with opening(place, tmp_path, **url):
            pass
    assert proxy.secured == 0

    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.root))
    with structlog.testing.capture_logs() as lines:
        async with opening(place, tmp_path, **url):
            assert proxy.secured
    (line,) = lines
    assert "channel_binding" in line["event"]
    assert "verified in full" in line["why"]


async def test_a_client_shows_its_certificate(
    place: Place, certificates: Certificates, certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    """Its key may have a password, which is never asked for on a terminal."""
    own = certificates.signed("client", password="sesame")  # noqa: S106
    context = server_context(certificate, clients=certificates.root)
    async with TlsProxy(place.server.port, context).running() as proxy:
        files = {"port": proxy.port, "sslmode": "require", "sslcert": own[0], "sslkey": own[1]}
        async with opening(place, tmp_path, **files, sslpassword="sesame"):
            assert proxy.secured
        for wrong in ({}, {"sslpassword": "wrong"}):
            with pytest.raises(StartError, match=r"sslcert = .*client\.crt with sslkey") as refused:
                async with opening(place, tmp_path, **files, **wrong):
                    pass
            assert "wrong" not in str(refused.value).replace("***", "")


async def test_a_renewed_certificate_is_taken_up(
    place: Place,
    proxy: TlsProxy,
    certificates: Certificates,
    strangers: Certificates,
    tmp_path: Path,
) -> None:
    """Certificates live for hours where an agent renews them, and a node runs for months."""
    root = tmp_path / "root.crt"
    shutil.copy(strangers.root, root)
    parameters = {"port": proxy.port, "sslmode": "verify-full", "sslrootcert": root}
    address = read(place.url(place.owner, **parameters), os.environ)  # type: ignore[arg-type]
    with pytest.raises(OSError, match="certificate verify failed"):
        await Connector(address).connect(None)

    shutil.copy(certificates.root, root)
    await (await Connector(address).connect(None)).close()

    root.unlink()
    with pytest.raises(OSError, match=r"sslrootcert = .*No such file"):
        await Connector(address).connect(None)

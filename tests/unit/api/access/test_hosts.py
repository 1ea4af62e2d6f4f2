"""Which values of `Host` and `Origin` are a node's own."""

from __future__ import annotations

import pytest

from scheduler.api.access import hosts
from scheduler.api.access.hosts import Hosts

LOOPBACK = [
    "localhost",
    "LocalHost:8000",
    "localhost.",
    "a.localhost:1",
    "127.0.0.1",
    "127.9.9.9:80",
]
LOOPBACK_6 = ["[::1]", "[::1]:8000", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]"]
FOREIGN = ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "evillocalhost"]
MALFORMED = [
    "",
    " ",
    ":80",
    "::1",
    "a b",
    "localhost:x",
    "localhost,evil.example",
    "[::1",
    "u@localhost",
]


@pytest.mark.parametrize("header", [*LOOPBACK, *LOOPBACK_6])
def test_a_loopback_name_is_always_the_nodes(header: str) -> None:
    """Who tries it out on his own machine needs no setting."""
    assert Hosts(["10.0.0.5"]).accept(header)


@pytest.mark.parametrize("header", [*FOREIGN, *MALFORMED])
@pytest.mark.parametrize("listening", ["127.0.0.1", "0.0.0.0", "::"])  # noqa: S104
def test_another_name_is_not(header: str, listening: str) -> None:
    """A page may rebind any name of its own to the address of the node."""
    assert not Hosts([listening]).accept(header)


@pytest.mark.parametrize(
    ("listening", "header", "accepted"),
    [
        ("10.0.0.5", "10.0.0.5:8000", True),
        ("10.0.0.5", "10.0.0.6", False),
        ("fd00::5", "[fd00:0::5]:8000", True),
        ("Node7", "node7:8000", True),
        ("node7", "node8", False),
        ("0.0.0.0", "192.168.1.9:8000", True),  # noqa: S104
        ("::", "[fd00::9]", True),
        ("127.0.0.1", "192.168.1.9", False),
    ],
)
def test_the_address_that_it_listens_on_is_its_own(
    listening: str, header: str, *, accepted: bool
) -> None:
    """Where it listens on all, that is any address: none can be rebound."""
    assert Hosts([listening]).accept(header) is accepted


@pytest.mark.parametrize("header", ["jobs.example", "JOBS.example:443", "jobs.example."])
def test_a_configured_name_is_accepted_with_any_port(header: str) -> None:
    """A proxy may pass on its own port or none."""
    assert Hosts(["127.0.0.1"], ["Jobs.Example", "other.example:8443"]).accept(header)
    assert Hosts(["127.0.0.1"], ["jobs.example:8443"]).accept(header)


@pytest.mark.parametrize(
    ("origin", "header", "own"),
    [
        ("http://127.0.0.1:8000", "127.0.0.1:8000", True),
        ("http://127.0.0.1:8001", "127.0.0.1:8000", False),
        ("http://localhost:8000", "127.0.0.1:8000", False),
        ("https://jobs.example", "127.0.0.1:8000", True),
        ("https://jobs.example:8443", "127.0.0.1:8000", False),
        ("https://two.example:8443", "127.0.0.1:8000", True),
        ("https://two.example", "127.0.0.1:8000", False),
        ("https://jobs.example.evil.example", "127.0.0.1:8000", False),
        ("null", "127.0.0.1:8000", False),
        ("null", "null", False),
        ("", "", False),
    ],
)
def test_a_page_is_the_nodes_own_by_host_and_port(origin: str, header: str, *, own: bool) -> None:
    """Another port of the same machine is another site, which may be anybody's."""
    assert Hosts(["127.0.0.1"], ["jobs.example", "two.example:8443"]).serve(origin, header) is own


def test_what_was_accepted_is_kept_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client chooses the port, and so could fill the memory."""
    monkeypatch.setattr(hosts, "KEPT_MAX", 3)
    known = Hosts(["127.0.0.1"])
    assert all(known.accept(f"localhost:{port}") for port in range(1, 10))
    assert len(known._accepted) == 3

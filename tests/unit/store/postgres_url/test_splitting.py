"""A URL is read as libpq reads it, and what is wrong with it is told without its password."""

from __future__ import annotations

import pytest

from scheduler.core.errors import StartError
from scheduler.store.postgres_url import Address, read


def address(url: str) -> Address:
    return read(url, {})


def places(url: str) -> list[tuple[str, int | None]]:
    return [(host.name, host.port) for host in address(url).hosts]


def refusal(url: str, **environ: str) -> str:
    with pytest.raises(StartError) as refused:
        read(url, environ)
    line = str(refused.value)
    assert line.startswith("[store] url = ")
    assert "\n" not in line
    return line


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://h/d", [("h", None)]),
        ("postgres://h:5433/d", [("h", 5433)]),
        ("postgresql://a:1,b:2/d", [("a", 1), ("b", 2)]),
        ("postgresql://a,b:2/d", [("a", None), ("b", 2)]),
        ("postgresql://a,b/d?port=7", [("a", 7), ("b", 7)]),
        ("postgresql:///d?host=a,b&port=7,8", [("a", 7), ("b", 8)]),
        ("postgresql://u:p@[::1]:5433/d", [("::1", 5433)]),
        ("postgresql://[2001:db8::1],[::1]:9/d", [("2001:db8::1", None), ("::1", 9)]),
        ("postgresql:///d?host=::1", [("::1", None)]),
        ("postgresql://%2Fvar%2Frun%2Fpostgresql/d", [("/var/run/postgresql", None)]),
        ("postgresql:///d?host=/cloudsql/my-project:europe-west1:main",
         [("/cloudsql/my-project:europe-west1:main", None)]),
        ("postgresql:///d?host=%2Frun%2F100%2525", [("/run/100%25", None)]),
        ("postgresql:///d", []),
        ("postgresql://", []),
        ("postgresql:///d?port=5433", [("", 5433)]),
    ],
)  # fmt: skip
def test_hosts_are_found(url: str, expected: list[tuple[str, int | None]]) -> None:
    """Several, IPv6 addresses, and the folders of Unix sockets."""
    assert places(url) == expected


@pytest.mark.parametrize(
    ("login", "user", "password"),
    [
        ("me:secret", "me", "secret"),
        ("me:a%40b%3A%2F%3F%23%25", "me", "a@b:/?#%"),
        ("me:a@b", "me", "a@b"),
        ("me:a:b", "me", "a:b"),
        ("me:[YOUR-PASSWORD]", "me", "[YOUR-PASSWORD]"),
        ("me:a+b", "me", "a+b"),
        ("me:%C3%A4", "me", "ä"),
        ("me@server:secret", "me@server", "secret"),
        ("me%40server:secret", "me@server", "secret"),
        ("me", "me", None),
        (":secret", None, "secret"),
    ],
)
def test_a_password_may_have_any_character(
    login: str, user: str | None, password: str | None
) -> None:
    """Generated ones do; and Azure's users have an @."""
    found = address(f"postgresql://{login}@h/d")

    assert (found.arguments["user"], found.arguments["password"]) == (user, password)
    assert [host.name for host in found.hosts] == ["h"]
    assert not password or password not in found.where
    assert login.partition(":")[2] == "" or login.rpartition(":")[2] not in found.where


def test_user_password_and_database_may_be_parameters() -> None:
    """Where the host is a Unix socket, all of it often is."""
    found = address("postgresql://?host=/tmp&user=me&password=p%26q&dbname=d").arguments

    assert (found["user"], found["password"], found["database"]) == ("me", "p&q", "d")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:sec/ret@h/d",
        "postgresql://me:12/ret@h/d",
        "postgresql://me:sec?ret@h/d",
        "postgresql://me:12?ret=sec@h/d",
        "postgresql://me:sec#ret@h/d",
        "postgresql://me:12#ret@h/d",
        "postgresql://me:s@ec/ret@h/d",
        "postgresql://me:sec%ret@h/d",
        "postgresql://me:sec%FFret@h/d",
        "postgresql://me:sec%00ret@h/d",
        "postgresql://me:secret@h:port/d",
        "postgresql://me:secret@h:0/d",
        "postgresql://me:secret@h:65536/d",
        "postgresql://me:secret@h:²/d",
        "postgresql://me:secret@a,,b/d",
        "postgresql://me:secret@[::1/d",
        "postgresql://me:secret@[::1]x/d",
        "postgresql://me:secret@h/d?sslmode",
        "postgresql://me:secret@h/d?port=1,2",
        "postgresql://me:secret@h/d?port=x",
    ],
)
def test_what_is_no_url_is_refused_without_its_password(url: str) -> None:
    """Of a character that is not escaped, a half of the password may stand anywhere."""
    line = refusal(url)

    assert "must be" in line
    assert not {"sec", "ret", "12"} & set(line.replace("/", " ").replace("@", " ").split())
    assert "secret" not in line


def test_the_last_of_two_values_counts_and_an_empty_one_does_not() -> None:
    """So it is in libpq."""
    settings = address("postgresql://h/d?jit=on&&jit=off&sslmode=&").arguments["server_settings"]

    assert settings["jit"] == "off"

"""What the URL of the queue may say."""

from __future__ import annotations

import pytest

from scheduler.queue.addresses import Address, parsed


@pytest.mark.parametrize(
    "url", ["redis://u:p@h:1/2?ssl_x=1", "rediss://h", "unix:///a/b?db=1", "redis://"]
)
def test_the_url_of_a_server_itself_is_left_to_redis_py(url: str) -> None:
    assert parsed(url) == Address(url=url)


def test_the_url_of_sentinels_names_them_the_service_and_both_users() -> None:
    """Sentinels have a password of their own, or none: never that of the server."""
    url = (
        "rediss+sentinel://me:se%40cret@one:1,two,[::1]:3/my%20service/2"
        "?sentinel_password=other%26&sentinel_username=it&ssl_ca_certs=/a%20b"
    )
    assert parsed(url) == Address(
        url="rediss://me:se%40cret@localhost/2?ssl_ca_certs=%2Fa+b",
        form="sentinel",
        hosts=(("one", 1), ("two", 26379), ("::1", 3)),
        service="my service",
        of_sentinels={"password": "other&", "username": "it"},
    )


def test_the_url_of_a_cluster_names_some_of_its_nodes() -> None:
    assert parsed("redis+cluster://:p@one,two:7000/") == Address(
        url="redis://:p@localhost/?", form="cluster", hosts=(("one", 6379), ("two", 7000))
    )


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://one",
        "redis+sentinel://one/",
        "redis+sentinel://one/service/x",
        "redis+sentinel://one,/service",
        "redis+sentinel://one:x/service",
        "redis+sentinel://one:70000/service",
        "redis+sentinel:///service",
        "redis+sentinel://one/service?x",
        "redis+cluster://one/1",
        "redis+cluster://u:p@",
        "redis://h/x",
    ],
)
def test_anything_else_is_refused(url: str) -> None:
    """A part that is wrong would lead to another server, or to none, in silence."""
    with pytest.raises(ValueError, match=r"."):
        parsed(url)

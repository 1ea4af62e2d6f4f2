"""A password in a URL never reaches a message or a log."""

from __future__ import annotations

import pytest

from scheduler.basics.urls import redacted


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:secret@host:5432/db", "postgresql://me:***@host:5432/db"),
        ("redis://:secret@host:6379/0", "redis://:***@host:6379/0"),
        ("rediss://me:se@cr:e/t?@host/0", "rediss://me:***@host/0"),
        ("postgresql:///db?user=me&password=secret", "postgresql:///db?user=me&password=***"),
        ("postgresql://h/d?sslpassword=secret&x=1", "postgresql://h/d?sslpassword=***&x=1"),
        ("postgresql://h/d?sslpasword=secret", "postgresql://h/d?sslpasword=***"),
        (
            "postgresql://h/d?oauth_client_secret=s&x=1",
            "postgresql://h/d?oauth_client_secret=***&x=1",
        ),
        ("postgresql://h/d?passfile=/p", "postgresql://h/d?passfile=/p"),
        ("postgresql://me@host:secret@srv/db", "postgresql://me@host:***@srv/db"),
        ("unix:///tmp/s?db=0&password=secret", "unix:///tmp/s?db=0&password=***"),
        ("postgresql://me@host/db", "postgresql://me@host/db"),
        ("postgresql://host:5432/db?user=me", "postgresql://host:5432/db?user=me"),
        ("sqlite:////var/lib/a:b@c.db", "sqlite:////var/lib/a:b@c.db"),
        ("embedded", "embedded"),
        ("", ""),
    ],
)
def test_only_the_password_is_hidden(url: str, shown: str) -> None:
    assert redacted(url) == shown

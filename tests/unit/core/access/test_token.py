"""The form of a token, and what is kept of its secret."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256

import pytest

from scheduler.core.access.principal import Role
from scheduler.core.access.token import Secret, Token, new_secret, parsed
from tests.support.stores import AT, later


def stored(secret: Secret, **fields: object) -> Token:
    """The token of a secret, as a store has it."""
    return Token(
        **{
            "id": secret.id,
            "digest": secret.digest,
            "name": "web",
            "role": Role.USER,
            "uids": ("ada",),
            "created_at": AT,
            "created_by": None,
            "expires_at": None,
            **fields,
        }  # type: ignore[arg-type]
    )


def test_a_token_comes_back_from_its_text() -> None:
    """Whoever holds the text holds the token."""
    for _ in range(200):
        secret = new_secret()
        assert parsed(secret.text) == secret
        assert len(secret.text) == 60


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-1],
        lambda text: text + "x",
        lambda text: text.upper(),
        lambda text: " " + text,
        lambda text: text + "\n",
        lambda text: text.replace("atl_", "alt_"),
        lambda text: text[:-1] + "é",
        lambda text: text[:16] + "." + text[17:],
        lambda _: "",
    ],
)
def test_another_text_is_no_token(change: object) -> None:
    """It is refused without a look at the store."""
    assert callable(change)
    assert parsed(change(new_secret().text)) is None


def test_the_secret_is_256_random_bits_of_which_only_the_digest_is_stored() -> None:
    """Nobody who reads the database can use a token."""
    first, second = new_secret(), new_secret()
    assert (first.id, first.secret) != (second.id, second.secret)
    assert stored(first).digest == sha256(first.secret.encode()).hexdigest()
    assert first.secret not in repr(stored(first))
    assert first.secret not in repr(first)


def test_a_token_is_its_own_secrets_only() -> None:
    """The id alone opens nothing."""
    secret = new_secret()
    assert stored(secret).is_of(secret)
    assert not stored(secret).is_of(Secret(secret.id, new_secret().secret))


def test_a_token_has_force_until_it_expires_or_is_revoked() -> None:
    """Whichever comes first."""
    secret = new_secret()
    assert stored(secret).valid(AT + timedelta(days=36500))
    expiring = stored(secret, expires_at=later(10))
    assert expiring.valid(later(9.999))
    assert not expiring.valid(later(10))
    assert not stored(secret, revoked_at=later(5), expires_at=later(10)).valid(later(6))

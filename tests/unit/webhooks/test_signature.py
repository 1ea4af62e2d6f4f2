"""Signatures, checked by the reference implementation of Standard Webhooks."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from scheduler.webhooks.signature import headers, keys

OLD, NEW = (f"whsec_{base64.b64encode(letter * 24).decode()}" for letter in (b"a", b"b"))
BODY = '{"wörd": 1}'.encode()


def signed(secret: str, *, at: datetime | None = None) -> dict[str, str]:
    return dict(headers("id-1", BODY, at=at or datetime.now(UTC), keys=keys(secret)))


def test_a_receiver_with_the_key_accepts_the_signature() -> None:
    assert Webhook(OLD).verify(BODY, signed(OLD)) == {"wörd": 1}


def test_during_a_rotation_of_keys_receivers_with_either_accept_the_signature() -> None:
    both = signed(f"{NEW} {OLD}")
    assert Webhook(OLD).verify(BODY, both) == Webhook(NEW).verify(BODY, both) == {"wörd": 1}


@pytest.mark.parametrize("what", ["key", "body", "id", "time"])
def test_a_receiver_refuses_a_call_if_one_part_is_wrong(what: str) -> None:
    secret = NEW if what == "key" else OLD
    at = datetime(2026, 1, 1, tzinfo=UTC) if what == "time" else None
    sent = signed(secret, at=at)
    if what == "id":
        sent["webhook-id"] = "id-2"
    body = BODY + b" " if what == "body" else BODY
    with pytest.raises(WebhookVerificationError):
        Webhook(OLD).verify(body, sent)


def test_without_a_key_a_call_is_not_signed() -> None:
    assert set(signed("")) == {"webhook-id", "webhook-timestamp"}

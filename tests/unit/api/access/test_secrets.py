"""No answer quotes a secret, wherever somebody has written it by mistake."""

from __future__ import annotations

import re

import orjson
import pytest
from pydantic import BaseModel

from scheduler.api.requests import models
from tests.unit.api.conftest import Api

JSON = {"Content-Type": "application/json"}
SECRET = "Q" * 43
TOKEN = f"atl_3f0c9a1b7d24_{SECRET}"
OF_JOB = f"atl_019ab000-0000-7000-8000-000000000000_3_{SECRET}"


@pytest.mark.parametrize("body", [TOKEN, [TOKEN], {}, 7, {"token": 7}, {"token": TOKEN * 4}])
async def test_a_login_is_refused_without_a_word_of_what_was_sent(api: Api, body: object) -> None:
    """What somebody tries to log in with is nearly a secret, also with a letter too many."""
    wrong = orjson.dumps(body).replace(b"atl_", b"atk_")
    for data in (orjson.dumps(body), wrong):
        answer = await api.ask("POST", "/-/login", data=data, headers=JSON)
        assert answer.status == 400
        assert not re.search("QQQ|3f0c|got 7", answer.text)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/", {"uid": "ada", "task": TOKEN}),
        ("POST", "/", {"uid": "ada", "task": OF_JOB}),
        ("POST", "/", {"uid": f"/{TOKEN}", "task": "task1"}),
        ("POST", "/", {"uid": "ada", "task": "task1", TOKEN: 1}),
        ("POST", "/", {"uid": "ada", "task": "task1", "hook": f"ftp://ada:{SECRET}@h.example/"}),
        ("POST", "/", {"uid": "ada", "task": "task1", "hook": f"ftp://h/?password={SECRET}"}),
        ("POST", "/-/login", {"token": "x", TOKEN: 1}),
        ("DELETE", f"/-/tokens/{TOKEN}", None),
        ("GET", f"/ada?task=x&{TOKEN}=1", None),
        ("GET", f"/ada?status={TOKEN}", None),
        ("GET", f"/ada/{TOKEN}", None),
    ],
)
async def test_a_secret_at_a_wrong_place_is_not_quoted(
    api: Api, method: str, path: str, body: object
) -> None:
    """Answers come into logs and tickets."""
    sent = {} if body is None else {"data": orjson.dumps(body), "headers": JSON}
    answer = await api.ask(method, path, **sent)
    assert answer.status in {400, 404}
    assert "QQQ" not in answer.text


def test_each_field_that_is_a_secret_is_marked_as_one() -> None:
    """By that mark, its value is not quoted."""
    bodies = [each for each in vars(models).values() if isinstance(each, type)]
    fields = {
        f"{body.__name__}.{name}": field.repr
        for body in bodies
        if issubclass(body, BaseModel)
        for name, field in body.model_fields.items()
        if re.search("token|secret|password|key|cookie", name)
    }
    assert fields == {"Login.token": False}

"""For any bad input, the response says what is wrong with it and where, and nothing is stored."""

from __future__ import annotations

import orjson
import pytest

from tests.unit.api.conftest import Api

SOUND = {"uid": "u1", "task": "task1"}
UID = "1 to 200 characters without '/' and control characters, not starting with '-'"
HOOK = "an absolute http or https URL with a host"


@pytest.fixture(autouse=True)
async def _nothing_is_stored(api: Api) -> object:
    yield
    assert api.stored == 0
    assert not api.queue.server.ids


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not JSON: Input is a zero-length, empty document at line 1, column 1"),
        (b'{"uid":\n "u1",, }', "at line 2, column 7"),
        (b'{"uid": "u1", "data": NaN}', "at line 1, column 23"),
        (b'{"uid": "u1", "data": Infinity}', "at line 1, column 23"),
        (b'{"data": 1e400}', "number is infinity when parsed as double at line 1, column 10"),
        (b'{"data": "\\ud800"}', "no low surrogate in string at line 1, column 11"),
        (b'{"uid":\n"\xc3\xa9\xff"}', "not UTF-8 at line 2, column 3"),
        (b'\xef\xbb\xbf{"uid": "u1"}', "byte order mark"),
        (b'"\xed\xa0\x80"', "not UTF-8 at line 1, column 2"),
        (b"[" * 3000 + b"]" * 3000, "depth limit exceeded"),
        (b'{"data": ' + b"1" * 30 + b"}", "an integer of 30 digits at line 1, column 10"),
        (b'{"data": [1,\n"\xc3\xa9",-9223372036854775809]}', "at line 2, column 5"),
        (b'{"data": 18446744073709551616}', "to 18446744073709551615 are allowed"),
        (b'{"data": ' + b"9" * 5000 + b"}", "number is infinity when parsed as double"),
    ],
)
async def test_a_body_that_is_not_valid_json_is_refused_with_the_position(
    api: Api, body: bytes, said: str
) -> None:
    answer = await api.post(body)

    assert said in answer.flaws[""]
    assert said in answer.json["detail"]


@pytest.mark.parametrize("body", [b"null", b"7", b'"u1"', b"true", b'"a\\u0000"'])
async def test_a_body_that_is_no_job_is_refused(api: Api, body: bytes) -> None:
    said = orjson.dumps(orjson.loads(body)).decode()
    assert (await api.post(body)).flaws == {"": f"got {said}; allowed: a job as a JSON object"}


@pytest.mark.parametrize(
    ("uid", "shown"),
    [
        (True, "true"),
        (None, "null"),
        (1.5, "1.5"),
        (-5, "-5"),
        ("", '""'),
        ("-a", '"-a"'),
        ("a/b", '"a/b"'),
        ("a\x00b", '"a\\u0000b"'),
        ("a\n", '"a\\n"'),
        ("a\x85", '"a\x85"'),
        ("x" * 201, '"' + "x" * 59 + "…"),
        ({}, "an object"),
        (["u1"], "an array"),
    ],
)
async def test_an_invalid_uid_is_refused(api: Api, uid: object, shown: str) -> None:
    answer = await api.post({**SOUND, "uid": uid})

    said = answer.flaws
    assert list(said) == ["/uid"]
    assert said["/uid"].startswith(f"got {shown}; allowed: {UID}")


@pytest.mark.parametrize(
    "hook",
    [
        "",
        "example.org",
        "//example.org/",
        "/hook",
        "ftp://example.org/",
        "http:example.org",
        "http://",
        "http:///path",
        "http://?a",
        "https://user@",
        "http://exa mple.org/",
        "http://example.org/\n",
        "http://example.org/\x00",
        "http://example.org:99999/",
        "http://[::1",
        "http://example.org/" + "x" * 2048,
        "http://\\example.org",
        7,
        True,
        ["http://example.org"],
    ],
)
async def test_a_hook_that_cannot_be_called_is_refused(api: Api, hook: object) -> None:
    said = (await api.post({**SOUND, "hook": hook})).flaws

    assert HOOK in said["/hook"]


@pytest.mark.parametrize(
    "parent", [7, "", "u1/019ab000-0000-7000-8000-000000000001", "019ab0000000700080000000000001ff"]
)
async def test_a_parent_that_is_no_id_is_refused(api: Api, parent: object) -> None:
    """Accepted, it would be a statement that nothing can ever be found by."""
    said = (await api.post({**SOUND, "parent": parent})).flaws

    assert "allowed: the id of a job" in said["/parent"]
    if isinstance(parent, str):
        assert "parent" in (await api.get("/u1", params={"parent": parent})).flaws


@pytest.mark.parametrize("children", ["true", 1, None])
async def test_children_of_an_abort_are_wanted_or_not(api: Api, children: object) -> None:
    order = {"uid": "u1", "id": "x", "children": children}
    headers = {"Content-Type": "application/json"}
    said = (await api.delete("/", data=orjson.dumps(order), headers=headers)).flaws

    assert "allowed: true or false" in said["/children"]


async def test_an_unknown_field_is_named_with_the_one_that_was_meant(api: Api) -> None:
    said = (await api.post({"uid": "u1", "tsk": "task1", "colour/~": 1})).flaws

    order = "priority, run_at, delay_s, start_within_s, max_attempts, hook_retries"
    order += ", needs, ref, after, after_if, group, unique"
    allowed = f"allowed: uid, task, data, hook, parent, {order}"
    assert said["/tsk"] == f"unknown field; did you mean 'task'? {allowed}"
    assert said["/colour~1~0"] == f"unknown field; {allowed}"
    assert said["/task"].startswith("missing; allowed: the name of a handler")


async def test_an_unknown_task_is_answered_with_the_known_ones(api: Api) -> None:
    answer = await api.post({"uid": "u1", "task": "taks1"})

    assert answer.flaws == {
        "/task": "there is no handler \"taks1\"; did you mean 'task1'? allowed: task1, task2;"
        " this node loaded its handlers at 2026-03-01 12:00:00 UTC"
    }
    assert answer.json["detail"].startswith('/task: there is no handler "taks1"')
    assert answer.headers["Content-Type"] == "application/problem+json"


async def test_a_bulk_with_flaws_is_refused_as_a_whole(api: Api) -> None:
    bodies = [SOUND, {**SOUND, "uid": False}, 7, {**SOUND, "task": "x"}, SOUND]

    answer = await api.post(bodies)

    assert list(answer.flaws) == ["/1/uid", "/2", "/3/task"]
    assert answer.json["detail"].endswith("(and more, see errors)")


async def test_a_bulk_with_too_large_data_is_refused_as_a_whole(api: Api) -> None:
    answer = await api.post([SOUND, {**SOUND, "data": "x" * 1024 * 1024}])

    assert answer.status == 413
    assert answer.json["detail"].startswith("/1/data is 1048578 bytes")


@pytest.mark.parametrize("count", [0, 1001])
async def test_a_bulk_has_one_to_a_thousand_jobs(api: Api, count: int) -> None:
    assert (await api.post([SOUND] * count)).flaws == {"": f"got {count} jobs; allowed: 1 to 1000"}


async def test_no_more_than_twenty_flaws_are_listed(api: Api) -> None:
    """A hostile body must not get a response of a thousand times its size."""
    assert len((await api.post([{"x": 1}] * 1000)).flaws) == 20
    assert len((await api.post({f"x{n}": 1 for n in range(10_000)})).flaws) == 20


async def test_wrong_values_are_not_quoted_at_length(api: Api) -> None:
    answer = await api.post({"uid": "u1", "task": "x" * 100_000, "y" * 100_000: 1})

    assert len(answer.text) < 1500


async def test_data_deeper_than_can_be_written_again_are_refused(api: Api) -> None:
    data = b"[" * 255 + b"]" * 255

    answer = await api.post(b'{"uid": "u1", "task": "task1", "data": ' + data + b"}")

    assert answer.flaws["/data"].startswith("nests too deep; allowed: 254 levels")


@pytest.mark.parametrize("size", [1024 * 1024 + 65 * 1024, 2 * 1024 * 1024, 20 * 1024 * 1024])
async def test_a_body_that_is_too_long_is_refused(api: Api, size: int) -> None:
    answer = await api.post(b'{"data": "' + b"x" * size + b'"}')

    assert answer.status == 413
    assert answer.json["detail"].startswith("the body is longer than ")


async def test_a_body_of_unknown_length_is_read_only_as_far_as_allowed(api: Api) -> None:
    """A client may send for ever: the node's memory must not grow with it."""
    sent = 0

    async def endless() -> object:
        nonlocal sent
        yield b'{"data": "'
        while sent < 100 * 1024 * 1024:
            sent += 65536
            yield b"x" * 65536

    headers = {"Content-Type": "application/json"}
    answer = await api.ask("POST", "/", data=endless(), headers=headers)

    assert answer.status == 413


async def test_an_array_may_be_longer_than_an_object(api: Api) -> None:
    """Such a body is read, and refused only for its content."""
    answer = await api.post(b" \n[" + b" " * 7 * 1024 * 1024 + b"7]")
    assert list(answer.flaws) == ["/0"]

    answer = await api.post(b"[" + b" " * 8 * 1024 * 1024 + b"7]")
    assert answer.status == 413


@pytest.mark.parametrize(
    "declared",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=latin-1",
        "application/json; charset=utf-16; charset=utf-8",
        "application/json, text/plain",
        "application/ld+json",
        "",
    ],
)
async def test_a_body_that_is_not_declared_as_json_is_refused(api: Api, declared: str) -> None:
    """A page of another site can make a browser send other types, but not this one."""
    answer = await api.post(SOUND, **{"Content-Type": declared})

    assert answer.status == 415
    assert answer.json["type"] == "urn:atlanscheduler:problem:not-json"
    assert "application/json in UTF-8" in answer.json["detail"]


@pytest.mark.parametrize(
    "declared",
    [
        "Application/JSON",
        "application/json;charset=UTF-8",
        'application/json ; charset = "utf-8"; v=1',
        "application/json;",
    ],
)
async def test_json_may_be_declared_in_any_spelling(api: Api, declared: str) -> None:
    """Libraries add what they like to the type; that it is JSON in UTF-8 is all that matters."""
    answer = await api.post(b"[]", **{"Content-Type": declared})

    assert answer.status == 400


@pytest.mark.parametrize(
    "text", ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "2030-01-01T00:00:00", "x"]
)
async def test_a_token_ends_at_a_time_that_there_is(api: Api, text: str) -> None:
    """In UTC, the first two are in no year that a time may have."""
    order = {"name": "n", "role": "user", "uids": ["ada"], "expires_at": text}
    answer = await api.ask("POST", "/-/tokens", json=order)

    assert answer.flaws["/expires_at"].startswith(f'got "{text}"; allowed: a time in the future')


@pytest.mark.parametrize("text", ["%00", "%ff", "x", "0" * 13, "%D9%A0" * 12, "0" * 11 + "G"])
async def test_the_store_is_not_asked_for_what_is_no_id_of_a_token(
    api: Api, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL takes no NUL, and its refusal would look like a defect of the node."""
    for call in ("revoke", "page"):
        monkeypatch.setattr(api.store.tokens, call, None)
    revoked = await api.delete(f"/-/tokens/{text}")
    listed = await api.get(f"/-/tokens?after={text}")

    assert (revoked.status, revoked.json["type"].rpartition(":")[2]) == (404, "no-such-token")
    assert "where the page before ended" in listed.flaws["after"]


async def test_a_query_is_refused_where_there_is_none(api: Api) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await api.ask("POST", "/?wait=1", data=orjson.dumps(SOUND), headers=headers)

    assert answer.flaws == {"wait": "unknown parameter; allowed: none"}

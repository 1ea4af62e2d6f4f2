"""What Schemathesis must know beyond the OpenAPI document; loaded by its command line."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import schemathesis

from scheduler.api.requests.models import WAIT_S_MAX
from scheduler.core.rerun import RERUNS_MAX

NODE_MAKES = "after"
"""A cursor: only the node makes them, and others of the same form fail their checksum."""
TASK = "echo"
"""The task names depend on the node's handlers, so no document can list them."""
HOOK = {"type": "string", "pattern": "^https?://[a-z]{1,9}\\.example(/[a-z]{0,9})?$"}
"""A pattern cannot describe exactly which texts are URLs."""
FUTURE = "2999-01-01T00:00:00Z"
"""A schema cannot say that a time must be in the future."""
TOMORROW = (datetime.now(UTC) + timedelta(days=1)).isoformat(timespec="seconds")
"""Nor that it must be so within a year."""
WITHIN_A_YEAR = {
    "NewJob": "run_at",
    "JobChange": "run_at",
    "RerunOrder": "run_at",
    "PauseOrder": "until",
}
"""Shapes with such a time."""
TIMES = {"start_at": "2027-01-01T00:00:00Z", "end_at": "2027-01-02T00:00:00Z"}
"""Nor that one time is not before another one."""
SPAN = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T01:00:00Z"}
WAIT_S = 0.05
ENDLESS = "text/event-stream"


@schemathesis.hook
def before_call(_: object, case: Any, _kwargs: object) -> None:  # noqa: ANN401 - has no type to name
    """Shorten the generated wait for a job, if it is valid; `until` gets one: it is for waits."""
    with suppress(TypeError, ValueError):
        wait_s = float((case.query or {}).get("wait", 0))
        if WAIT_S < wait_s <= WAIT_S_MAX or (wait_s == 0 and "until" in (case.query or {})):
            case.query["wait"] = WAIT_S
    if (case.query or {}).get("uid") is None and case.operation.path == "/-/jobs":
        (case.query or {}).pop("group", None)  # a group is one user's
    refs: set[object] = set()
    for job in case.body if isinstance(case.body, list) else [case.body]:
        if isinstance(job, dict) and "data" in job:
            job["data"] = _readable(job["data"])
        if isinstance(job, dict):
            _reconcile(job)
            _name_earlier(job, refs)


def _reconcile(order: dict[str, Any]) -> None:
    """Leave out what no schema can say does not go together."""
    if order.get("hook_retries") is True and order.get("hook") is None:
        order["hook_retries"] = False
    if order.get("run_at") is not None and order.get("delay_s") is not None:
        del order["delay_s"]
    if order.get("ref") is not None or order.get("after"):
        order.pop("unique", None)
    if isinstance(order.get("limit"), int) and order.get("dry_run") is not True:
        order["limit"] = min(order["limit"], RERUNS_MAX)
    if "cron" in order and "every_s" in order and order["cron"] is not None:
        order["every_s"] = None
    if isinstance(order.get("status"), str | list) and "terminated" not in order["status"]:
        order.pop("error_kind", None)
    if isinstance(order.get("needs"), list) and all(
        isinstance(each, str) for each in order["needs"]
    ):
        order["needs"] = []  # the labels depend on the nodes


def _name_earlier(job: dict[str, Any], refs: set[object]) -> None:
    """Leave out what is no ref of a job before it in the request, and a ref that one has."""
    after = job.get("after")
    if isinstance(after, list) and all(isinstance(each, str) for each in after):
        job["after"] = [each for each in after if each[:1] == "#" and each[1:] in refs]
    ref = job.get("ref")
    if isinstance(ref, str):
        if ref in refs:
            del job["ref"]
        refs.add(ref)


def _readable(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """The value without integers of more than 64 bits: no schema for "any JSON" excludes them."""
    match value:
        case list():
            return [_readable(each) for each in value]
        case dict():
            return {key: _readable(each) for key, each in value.items()}
        case int() | float() if abs(value) >= 2**63:
            return 0
    return value


@schemathesis.hook("before_call")
def leave_out_keys(_: object, case: Any, _kwargs: object) -> None:  # noqa: ANN401 - has no type to name
    """Leave out the unique key that a job before it in the request has, too."""
    keys = set[str]()
    for job in case.body if isinstance(case.body, list) else []:
        unique = job.get("unique") if isinstance(job, dict) else None
        if isinstance(unique, dict) and (key := repr(unique.get("key"))) in keys:
            del job["unique"]
        elif isinstance(unique, dict):
            keys.add(key)


@schemathesis.hook
def before_load_schema(_: object, raw_schema: dict[str, Any]) -> None:
    """Skip what no description can make testable, and use a task that exists."""
    new_job = raw_schema["components"]["schemas"]["NewJob"]
    new_job["examples"][0]["task"] = TASK
    body = raw_schema["paths"]["/"]["post"]["requestBody"]["content"]["application/json"]
    for example in body["examples"].values():
        _name_task(example["value"])
    new_job["required"].append("uid")  # it may be left out with a token for one user alone
    fields = new_job["properties"]
    fields["task"]["enum"] = [TASK]
    expiry = raw_schema["components"]["schemas"]["TokenOrder"]["properties"]["expires_at"]
    expiry["anyOf"][0]["enum"] = [FUTURE]
    fields["hook"]["anyOf"][0] = HOOK
    many = raw_schema["components"]["schemas"]["RerunAllOrder"]["properties"]
    next(each for each in many["task"]["anyOf"] if each["type"] == "string")["enum"] = [TASK]
    for shape, name in WITHIN_A_YEAR.items():
        time = raw_schema["components"]["schemas"][shape]["properties"][name]
        next(each for each in time["anyOf"] if each["type"] == "string")["enum"] = [TOMORROW]
    _set_schedules(raw_schema["components"]["schemas"])
    for example in raw_schema["paths"]["/-/schedules/{uid}/{name}"]["put"]["requestBody"][
        "content"
    ]["application/json"]["examples"].values():
        _name_task(example["value"])
    _move_times(raw_schema["paths"])
    for item in raw_schema["paths"].values():
        for operation in item.values():
            parameters = operation.get("parameters", [])
            operation["parameters"] = [each for each in parameters if each["name"] != NODE_MAKES]
            if not os.environ["ASKS_FOR_TOKENS"]:  # in mode `none` a node lets everybody in
                del operation["security"]
    raw_schema["paths"] = {
        path: item for path, item in raw_schema["paths"].items() if not _endless(item)
    }


def _set_schedules(schemas: dict[str, Any]) -> None:
    """Use times, zones and a task that exist: no pattern describes them."""
    for shape in ("ScheduleOrder", "PreviewOrder"):
        fields = schemas[shape]["properties"]
        fields["cron"] = {"type": "string", "enum": ["@daily", "30 2 * * *"]}
        fields["timezone"] = {"type": "string", "enum": ["UTC", "Europe/Berlin"]}
        del fields["every_s"], fields["phase_s"]
        schemas[shape]["required"] = [*schemas[shape].get("required", []), "cron"]
        for name, at in TIMES.items():
            if name in fields:
                time = fields[name]["anyOf"]
                next(each for each in time if each["type"] == "string")["enum"] = [at]
        schemas[shape].pop("examples", None)
    order = schemas["ScheduleOrder"]["properties"]
    order["task"]["enum"] = [TASK]
    order["hook"]["anyOf"][0] = HOOK
    for name, at in SPAN.items():
        schemas["BackfillOrder"]["properties"][name]["enum"] = [at]


def _move_times(value: Any) -> None:  # noqa: ANN401 - any JSON
    """Have the times of examples in the future."""
    for key, each in value.items() if isinstance(value, dict) else enumerate(value):
        if key in WITHIN_A_YEAR.values() and isinstance(each, str):
            value[key] = TOMORROW
        elif isinstance(each, dict | list):
            _move_times(each)


def _name_task(example: Any) -> None:  # noqa: ANN401 - a job or several
    for job in example if isinstance(example, list) else [example]:
        job["task"] = TASK


def _endless(item: dict[str, Any]) -> bool:
    """Whether the path answers with an endless stream."""
    answers = (operation["responses"].get("200", {}) for operation in item.values())
    return any(ENDLESS in answer.get("content", {}) for answer in answers)

"""From the body of a request to the jobs to submit, without keeping the event loop for long.

A small body is parsed at once. A larger one waits for its turn, and what takes long is done in
pieces: the jobs of a large array are found first, and then each is parsed alone.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from scheduler.api.limits.load import pause
from scheduler.api.requests.bodies import object_bytes_max, read_json
from scheduler.api.requests.json_array import Element, elements
from scheduler.api.requests.json_text import parse
from scheduler.api.requests.submissions import Intake, require_number
from scheduler.api.state import LIMITS, LOAD, PRINCIPAL, SERVICE, Limits

AT_ONCE_BYTES_MAX: Final = 64 * 1024
"""What is parsed and checked without a pause: at most some 3 ms."""


async def read_jobs(request: web.Request, *, digested: bool) -> Intake:
    """The jobs in the body of a request.

    Raises:
        As `read_json`; Invalid: lists each flaw with its position.
        TooLarge: the data of a job are longer than allowed.
    """
    body, limits = await read_json(request), request.app[LIMITS]
    intake = Intake(
        tasks=request.app[SERVICE].tasks,
        data_bytes_max=limits.data_bytes_max,
        only_uid=request[PRINCIPAL].only_uid,
        several=body.lstrip().startswith(b"["),
        digested=digested,
    )
    if len(body) <= AT_ONCE_BYTES_MAX:
        _take_value(parse(body), intake, limits)
    else:
        async with request.app[LOAD].turn():
            await _take_large(body, intake, limits)
    intake.require_sound()
    return intake


async def parsed(request: web.Request, body: bytes, *, without: object) -> object:
    """The JSON value in the body of a request for one job; `without` where there is no body.

    Raises:
        Invalid: it is not JSON.
    """
    if not body:
        return without
    if len(body) <= AT_ONCE_BYTES_MAX:
        return parse(body)
    async with request.app[LOAD].turn():
        return parse(body)


async def _take_large(body: bytes, intake: Intake, limits: Limits) -> None:
    job_bytes_max = object_bytes_max(limits.data_bytes_max)
    if len(body) > job_bytes_max:
        await _take_elements(body, await _found(body, job_bytes_max, limits), intake)
    else:
        value = parse(body)
        await pause()
        _take_value(value, intake, limits)


def _take_value(value: object, intake: Intake, limits: Limits) -> None:
    if not isinstance(value, list):
        intake.take(value)
        return
    require_number(len(value), limits.bulk_jobs_max)
    for each in value:
        if not intake.take(each):
            return


async def _found(body: bytes, job_bytes_max: int, limits: Limits) -> list[Element]:
    """Where the jobs of an array are."""
    found, work = list[Element](), _Work()
    for element in elements(body, bytes_max=job_bytes_max):
        if element is None:
            await pause()
        elif len(found) == limits.bulk_jobs_max:
            require_number(len(found) + 1, limits.bulk_jobs_max, more=True)
        else:
            found.append(element)
            await work.done(element)
    require_number(len(found), limits.bulk_jobs_max)
    return found


async def _take_elements(body: bytes, found: list[Element], intake: Intake) -> None:
    work = _Work()
    for element in found:
        value = parse(body, element.start, element.end)
        await work.done(element)
        if not intake.take(value):
            return
        value = None  # what it is made of is freed before the next one is parsed


class _Work:
    """Pauses wherever some elements have taken long."""

    def __init__(self) -> None:
        self._bytes = 0

    async def done(self, element: Element) -> None:
        self._bytes += element.end - element.start
        if self._bytes > AT_ONCE_BYTES_MAX:
            self._bytes = 0
            await pause()

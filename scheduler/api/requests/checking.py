"""Checks a value against a model, and says in plain words what is wrong with it.

{"uid": true, "tsk": "x"}  ─▶  /uid   got true; allowed: 1 to 200 characters …
                               /tsk   unknown field; did you mean 'task'? allowed: uid, task …
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from itertools import islice
from typing import Final, TypeVar

import orjson
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from scheduler.basics.urls import redacted
from scheduler.core.access.masking import masked
from scheduler.core.errors import Flaw, Invalid

M = TypeVar("M", bound=BaseModel)

FLAWS_MAX: Final = 20
"""Nobody corrects more at once, and a hostile body would produce millions."""
EXPLAINED: Final = "explained"
"""The type of the errors whose message says more than the description of their field."""
COMPLETE: Final = "complete"
"""The same of those whose message also says what is allowed."""
SHOWN_CHARS_MAX: Final = 60
"""How much of a wrong value is quoted."""
LOOKED_AT_CHARS_MAX: Final = 4096
"""Of how much of it secrets are left out first: more than a URL has."""
NOT_SHOWN: Final = "what is not shown, since it is to be a secret"


def checked(model: type[M], value: Mapping[str, object], *, prefix: str, noun: str = "field") -> M:
    """The value as an instance of the model.

    Args:
        model: the descriptions of its fields say what is allowed.
        value: what was sent.
        prefix: of the pointers: `/` for a body, `/3/` in an array, empty for a query.
        noun: what a field is called in the message.

    Raises:
        Invalid: with a flaw for each field that is unknown, missing or wrong.
    """
    fields = model.model_fields
    if len(value) <= len(fields):  # pydantic would report each of a million unknown fields
        with suppress(ValidationError):
            return model.model_validate(value)
    raise _refused(model, value, prefix=prefix, noun=noun)


def _refused(
    model: type[BaseModel], value: Mapping[str, object], *, prefix: str, noun: str
) -> Invalid:
    """What is wrong with a value that the model does not take."""
    fields = model.model_fields
    unknown = (name for name in value if name not in fields)
    flaws = [_unknown_field(name, fields, prefix, noun) for name in islice(unknown, FLAWS_MAX)]
    try:
        model.model_validate({key: value[key] for key in fields if key in value})
    except ValidationError as error:
        flaws += [_flaw(each, model, value, prefix) for each in error.errors(include_url=False)]
    return refusal(flaws)


def refusal(flaws: Sequence[Flaw]) -> Invalid:
    """The error for these flaws: its message is the first one, and it lists up to `FLAWS_MAX`."""
    listed = tuple(dict.fromkeys(flaws))[:FLAWS_MAX]
    first = ": ".join(filter(None, listed[0]))
    return Invalid(first if len(listed) == 1 else f"{first} (and more, see errors)", listed)


def choice(name: str, known: Iterable[str]) -> str:
    """The hint for an unknown name: the known ones, and the one that is most similar."""
    known = list(known)
    nearest = get_close_matches(name[:200], known, n=1)
    hint = f"did you mean {nearest[0]!r}? " if nearest else ""
    return f"{hint}allowed: {', '.join(known) or 'none'}"


def shown(value: object) -> str:
    """A value as short JSON, with `***` for passwords in URLs and for our secrets."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list | tuple):
        return "an array"
    text = redacted(masked(value[:LOOKED_AT_CHARS_MAX])) if isinstance(value, str) else value
    json = orjson.dumps(text, default=str).decode()
    return json if len(json) <= SHOWN_CHARS_MAX else json[:SHOWN_CHARS_MAX] + "…"


def pointer_to(name: str) -> str:
    """A name as a part of a JSON pointer (RFC 6901), shortened if it is very long."""
    return masked(name[:SHOWN_CHARS_MAX]).replace("~", "~0").replace("/", "~1")


def _unknown_field(name: str, known: Iterable[str], prefix: str, noun: str) -> Flaw:
    return Flaw(prefix + pointer_to(name), f"unknown {noun}; {choice(name, known)}")


def _flaw(
    error: ErrorDetails, model: type[BaseModel], value: Mapping[str, object], prefix: str
) -> Flaw:
    field = str(error["loc"][0])
    quoted = shown(value.get(field)) if model.model_fields[field].repr else NOT_SHOWN
    given = f"got {quoted}" if field in value else "missing"
    if error["type"] == COMPLETE:
        return Flaw(prefix + field, f"{given}: {error['msg']}")
    if error["type"] == EXPLAINED:
        given += f": {error['msg']}"
    return Flaw(prefix + field, f"{given}; allowed: {model.model_fields[field].description}")

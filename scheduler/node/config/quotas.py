"""The section `[quotas]`: a table of limits for each pattern of uids."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import ErrorDetails

from scheduler.core.access.principal import PATTERN
from scheduler.core.quotas.quota import Quota, Quotas
from scheduler.node.config.sections import Section, allowed

EXAMPLE: Final = '{"*" = {queued_max = 1000}, "team-a.*" = {submits_per_s = 5}}'


class UserLimits(Section):
    """The limits of the users whom a pattern fits. A key that is left out limits nothing."""

    queued_max: int | None = Field(None, ge=1, le=1_000_000)
    """how many jobs of a user may be queued; submissions beyond get 429"""
    submits_per_s: float | None = Field(None, ge=0.001, le=1_000_000)
    """how many jobs a user may submit to each node in a second, on average; beyond: 429"""
    running_max: int | None = Field(None, ge=1, le=1_000_000)
    """how many jobs of a user may run, on all nodes together; further ones wait"""
    schedules_max: int | None = Field(None, ge=0, le=1_000_000)
    """how many schedules a user may have; further ones get 429"""
    weight: float = Field(1.0, ge=0.001, le=1000)
    """how much a user gets where others wait, too: twice as much with 2 as with 1"""


class QuotasSection(Section):
    """The limits of users, by patterns of their uids."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, UserLimits]

    @model_validator(mode="after")
    def _patterns_are_of_uids(self) -> Self:
        for pattern in self.by_pattern:
            if not re.fullmatch(PATTERN, pattern):
                raise ValueError(pattern)
        return self

    @property
    def by_pattern(self) -> Mapping[str, UserLimits]:
        """What the file has, by pattern."""
        return self.__pydantic_extra__

    @property
    def quotas(self) -> Quotas:
        """The same, as the service asks for it."""
        return Quotas(
            Quota(pattern=pattern, **dict(limits)) for pattern, limits in self.by_pattern.items()
        )


def quota_flaw(detail: ErrorDetails, shown: str) -> str:
    """What is wrong in `[quotas]`.

    Args:
        detail: pydantic's.
        shown: what stands there.
    """
    match detail["loc"][1:]:
        case () if detail["type"] == "value_error":
            return _no_pattern(str(detail["ctx"]["error"]))
        case ():
            return f"quotas = {shown}: must be tables, as in {EXAMPLE}"
        case (pattern,):
            return f"[quotas] {pattern} = {shown}: must be in a table, as in {EXAMPLE}"
        case pattern, key, *_:
            return f'[quotas."{pattern}"] {_wrong_key(str(pattern), str(key), detail, shown)}'
    raise AssertionError(detail)


def _no_pattern(pattern: str) -> str:
    return (
        f'[quotas."{pattern}"]: must name a uid, the beginning of uids with * at its end, or * for'
        " all"
    )


def _wrong_key(pattern: str, key: str, detail: ErrorDetails, shown: str) -> str:
    known = UserLimits.model_fields
    if key in known:
        return f"{key} = {shown}: must be {allowed(known[key])}"
    if isinstance(detail["input"], dict):
        return f'has a table {key}; a uid is written in quotes: [quotas."{pattern}.{key}"]'
    meant = "".join(f"; did you mean {each}?" for each in get_close_matches(key, known, n=1))
    return f'unknown key "{key}"{meant} (known: {", ".join(known)})'

"""Cron expressions: five fields, names of months and days, `@daily` and its like.

The grammar is that of cronsim, which follows Debian's cron; it steps over times without a zone, and
`wall_clock.py` makes instants of them. cronsim stepped in a zone itself misses times where clocks
change by half an hour.

Days of the month and days of the week: where both are given and neither begins with `*`, a day that
fits one of them fits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Final, NamedTuple

from cronsim import CronSim, CronSimError
from cronsim.cronsim import Field

ALIASES: Final[Mapping[str, str]] = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
CRON_MAX: Final = 200
"""How many characters an expression has at most."""


class CronField(NamedTuple):
    """One of the five fields."""

    name: str
    takes: str
    field: Field
    step_max: int


FIELDS: Final = (
    CronField("minute", "0 to 59", Field.MINUTE, 59),
    CronField("hour", "0 to 23", Field.HOUR, 23),
    CronField("day of the month", "1 to 31, L (the last), LW (the last weekday)", Field.DAY, 31),
    CronField("month", "1 to 12, JAN to DEC", Field.MONTH, 12),
    CronField(
        "day of the week",
        "0 to 7 (0 and 7: Sunday), SUN to SAT, 5L (the last Friday), 1#2 (the second Monday)",
        Field.DOW,
        7,
    ),
)
FIVE: Final = ", ".join(each.name for each in FIELDS)
ALLOWED: Final = (
    f"a cron expression of five fields ({FIVE}), each with * for all, lists (1,15), ranges (9-17) "
    f"and steps (*/5); or one of {', '.join(ALIASES)}"
)
_STEP: Final = re.compile(r"/([0-9]{1,9})")
_RANGE: Final = re.compile(r"([0-9]{1,9})-([0-9]{1,9})")
A_SECOND: Final = timedelta(seconds=1)
LOOKED_FROM: Final = datetime(2024, 1, 1)  # noqa: DTZ001 - on the clocks of any zone
"""An expression that has no time in the fifty years from here on has none at all."""


class CronFlaw(NamedTuple):
    """What is wrong with one field, or with the whole."""

    field: str
    """Its name; empty for the whole."""
    got: str
    why: str
    """What the field takes; of the whole, what is wrong."""
    is_whole: bool = False
    """Whether that says all there is to say, as it does of a field."""

    def __str__(self) -> str:
        return f"{self.field} is {self.got!r}, and takes {self.why}" if self.field else self.why


class WrongCron(ValueError):
    """This is no cron expression; `flaws` say why."""

    def __init__(self, flaws: tuple[CronFlaw, ...]) -> None:
        super().__init__("; ".join(map(str, flaws)))
        self.flaws = flaws

    @property
    def is_complete(self) -> bool:
        """Whether it says what would be right, too, and needs no general rule beside it."""
        return all(each.field or each.is_whole for each in self.flaws)


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron expression that has times."""

    text: str
    """As it was given."""
    fields: str
    """Its five fields."""

    @property
    def repeats(self) -> bool:
        """Whether it means each minute or hour, and not certain times of a day.

        These also come in an hour that clocks show for the second time. As in Debian's cron, the
        first character of minute and hour decides.
        """
        minute, hour, *_ = self.fields.split()
        return minute.startswith("*") or hour.startswith("*")

    @property
    def either_day(self) -> bool:
        """Whether a day fits by its number or by its weekday: people often mean both."""
        _, _, day, _, weekday = self.fields.split()
        return not day.startswith("*") and not weekday.startswith("*")

    @property
    def explained(self) -> str:
        """What it means, in a sentence."""
        return CronSim(self.fields, LOOKED_FROM).explain()

    def walls(self, begin: datetime) -> Iterator[datetime]:
        """Its times on a clock that is never changed, from this one on."""
        # cronsim begins behind the time that it is given, and takes whole seconds.
        whole = begin.replace(microsecond=0)
        yield from CronSim(self.fields, whole if whole < begin else begin - A_SECOND)


def parsed(text: str) -> Cron:
    """The expression that a text stands for.

    Raises:
        WrongCron: there is none, or none of its dates ever comes.
    """
    if len(text) > CRON_MAX:
        raise WrongCron((CronFlaw("", text, f"it is longer than {CRON_MAX} characters"),))
    fields = ALIASES.get(text.strip().lower(), text).split()
    if len(fields) != len(FIELDS):
        raise WrongCron((CronFlaw("", text, _why_not_five(fields)),))
    flaws = tuple(
        CronFlaw(each.name, field, _takes(each, field.upper()))
        for each, field in zip(FIELDS, fields, strict=True)
        if not _is_right(each, field.upper())
    )
    if flaws:
        raise WrongCron(flaws)
    plain = " ".join(fields).upper()
    if not _comes(plain):
        raise WrongCron((CronFlaw("", text, _why_never(fields), is_whole=True),))
    return Cron(text, plain)


def _why_not_five(fields: Sequence[str]) -> str:
    """What is wrong with an expression that has not five fields."""
    match fields:
        case []:
            return "it is empty"
        case [word] if word.startswith("@"):
            near = get_close_matches(word.lower(), ALIASES, n=1)
            return "there is no such form" + "".join(f"; did you mean {each}?" for each in near)
        case [_]:
            return "it has 1 field"
        case _:
            return f"it has {len(fields)} fields"


def _takes(field: CronField, text: str) -> str:
    """What a field takes, with the rule that this text breaks."""
    if any(int(step) > field.step_max for step in _STEP.findall(text)):
        return f"{field.takes}, in steps of at most {field.step_max}"
    if any(int(begin) > int(end) for begin, end in _RANGE.findall(text)):
        return f"{field.takes}; a range goes from the lower to the higher one"
    return field.takes


def _why_never(fields: Sequence[str]) -> str:
    """Which fields of days and months exclude each other."""
    _, _, day, month, weekday = fields
    days = f"day {day!r}" if weekday == "*" else f"day {day!r} with day of the week {weekday!r}"
    return f"none of its dates ever comes: month {month!r} has no {days}"


def _is_right(field: CronField, text: str) -> bool:
    """Whether a field can be read; a step beyond its last value is taken for a mistake."""
    try:
        field.field.parse(text)
    except (CronSimError, AssertionError, TypeError, ValueError):
        return False
    return all(int(step) <= field.step_max for step in _STEP.findall(text))


def _comes(fields: str) -> bool:
    try:
        return next(CronSim(fields, LOOKED_FROM), None) is not None
    except (CronSimError, TypeError):
        return False

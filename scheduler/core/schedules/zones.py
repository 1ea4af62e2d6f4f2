"""Time zones by name, from the package tzdata: so all nodes know the same rules.

The data of the machine is never asked. It may be of another age on each node.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import cache, lru_cache
from importlib.metadata import version
from importlib.resources import files
from typing import Final
from zoneinfo import ZoneInfo

TZDATA_VERSION: Final = version("tzdata")
"""The release of the rules that this node knows."""
NEAREST_MAX: Final = 3
ZONES_KEPT: Final = 1000
"""More than there are names."""
_OFFSET: Final = re.compile(r"(?:UTC|GMT|ETC/UTC)?([+-])0?([0-9]{1,2})(?::?00)?")
"""Hours from UTC, as people write them. In the names of zones their sign is the other one."""


class NoSuchZone(ValueError):
    """There is no time zone of this name; `nearest` are names that are like it."""

    def __init__(self, name: str, nearest: tuple[str, ...]) -> None:
        super().__init__(f"there is no time zone {name!r}")
        self.nearest = nearest


@lru_cache(maxsize=ZONES_KEPT)
def zone(name: str) -> ZoneInfo:
    """The time zone of a name.

    Raises:
        NoSuchZone: there is none.
    """
    if name not in zone_names():
        raise NoSuchZone(name, nearest(name))
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


@cache
def zone_names() -> frozenset[str]:
    """The names of all time zones."""
    return frozenset(files("tzdata").joinpath("zones").read_text("utf-8").split())


def nearest(name: str) -> tuple[str, ...]:
    """Names of zones that are like this one, the most alike first; also by their city alone."""
    if (offset := _OFFSET.fullmatch(name.strip().upper())) is not None:
        fixed = f"Etc/GMT{'-' if offset[1] == '+' else '+'}{int(offset[2])}"
        return (fixed,) if fixed in zone_names() else ()
    wanted = name.strip().replace(" ", "_").lower()
    by_lower = {each.lower(): each for each in sorted(zone_names())}
    by_city = {each.rpartition("/")[2].lower(): each for each in sorted(zone_names())}
    found = [by_lower[match] for match in get_close_matches(wanted, by_lower, n=NEAREST_MAX)]
    city = wanted.rpartition("/")[2]
    found += [by_city[match] for match in get_close_matches(city, by_city, n=NEAREST_MAX)]
    return tuple(dict.fromkeys(found))[:NEAREST_MAX]

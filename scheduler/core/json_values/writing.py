"""Writes one value as JSON text, without recursion, and knows where in the value it is.

Slower than `json`, which is asked first: this is for what that refuses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from scheduler.core.json_values.forms import Elements, Members, form_of
from scheduler.core.json_values.refusing import NotJson, a_type, pointer, shown
from scheduler.core.json_values.scalars import SURROGATE, is_unicode, quoted, scalar

FORMS_MAX: Final = 20
"""Steps from a value to JSON's own types. An enum's value may be an enum, but not for ever."""

Scalar = str | int | float | None
Container = dict[Any, Any] | list[Any] | tuple[Any, ...] | Members | Elements
SCALARS: Final = (str, int, float, type(None))
CONTAINERS: Final = (dict, list, tuple, Members, Elements)
OWN: Final = SCALARS + CONTAINERS


class TooLong(Exception):
    """The text is longer than allowed; it was not written to its end."""


@dataclass(slots=True)
class _Open:
    """A container whose parts are being written."""

    parts: Iterator[tuple[Any, object]]
    named: bool
    """Whether it is an object; else an array."""
    end: str
    sources: list[object]
    """What it was made of, kept: the id of an object that is gone may be another's."""
    separator: str = ""
    token: str | int | None = None
    """The key or index of the part that is being written; None between two parts."""


class Writer:
    """Writes one value."""

    def __init__(self, chars_max: int) -> None:
        self._texts: list[str] = []
        self._chars_left = chars_max
        self._open: list[_Open] = []
        self._inside: set[int] = set()
        """Ids of what is being written: what is met within itself would have no end."""

    def write(self, value: object) -> str:
        """The text.

        Raises:
            NotJson: a part has no JSON form; with its pointer.
            TooLong: it is longer than allowed.
        """
        try:
            self._put(value)
            while self._open:
                self._go_on(self._open[-1])
        except NotJson as error:
            tokens = (container.token for container in self._open)
            error.pointer = pointer(token for token in tokens if token is not None)
            raise
        return "".join(self._texts)

    def _go_on(self, container: _Open) -> None:
        """Write scalars up to the next container, or to the end of this one."""
        container.token = None
        for token, part in container.parts:
            container.token = token
            name = f"{quoted(token)}:" if container.named else ""
            self._add(f"{container.separator}{name}")
            container.separator = ","
            if self._put(part):
                return
            container.token = None
        self._add(container.end)
        self._inside.difference_update(map(id, container.sources))
        self._open.pop()

    def _put(self, value: object) -> bool:
        """Write a scalar, or open a container: then True."""
        own, sources = _own_form(value)
        if not isinstance(own, CONTAINERS):
            self._add(self._scalar(own))
            return False
        if not self._inside.isdisjoint(map(id, sources)):
            raise NotJson(f"is {a_type(value)} that holds itself", value)
        self._inside.update(map(id, sources))
        named = isinstance(own, dict | Members)
        self._add("{" if named else "[")
        parts = _parts(own, value)
        self._open.append(_Open(parts, named, "}" if named else "]", sources))
        return True

    def _scalar(self, value: Scalar) -> str:
        if isinstance(value, str):
            return quoted(value)
        if isinstance(value, int) and value.bit_length() > 4 * self._chars_left:
            raise TooLong  # before its digits are made, which takes long
        return scalar(value)

    def _add(self, text: str) -> None:
        self._chars_left -= len(text)
        if self._chars_left < 0:
            raise TooLong
        self._texts.append(text)


def _own_form(value: object) -> tuple[Scalar | Container, list[object]]:
    """The value in a type of JSON's own, and all that was made on the way."""
    sources = [value]
    while not isinstance(value, OWN):
        if len(sources) > FORMS_MAX:
            raise NotJson(f"is {a_type(sources[0])} without an end", sources[0])
        try:
            value = form_of(value)
        except NotJson:
            raise
        except Exception as error:
            raise _unreadable(sources[0], error) from error
        sources.append(value)
    return value, sources


def _parts(container: Container, source: object) -> Iterator[tuple[Any, object]]:
    match container:
        case dict():
            return _read(_members(container.items()), source)
        case Members(iterator=members):
            return _read(_members(members), source)
        case Elements(iterator=elements):
            return _read(enumerate(elements), source)
        case _:
            return enumerate(container)


def _members(members: Iterable[tuple[Any, object]]) -> Iterator[tuple[str, object]]:
    """Members with their names as text: other keys than text may have the same."""
    names: set[str] = set()
    for key, value in members:
        name = key if type(key) is str else _name(key)
        if not is_unicode(name):
            raise NotJson(f"has a key {SURROGATE}", key)
        if name in names:
            raise NotJson(f'has two keys that are written "{name[:100]}"', key)
        names.add(name)
        yield name, value


def _name(key: object) -> str:
    own, _ = _own_form(key)
    if isinstance(own, str):
        return str.__str__(own)
    if not isinstance(own, CONTAINERS):
        return scalar(own)
    raise NotJson(f"has a key that is {a_type(key)}", key, error=TypeError)


def _read(parts: Iterator[tuple[Any, object]], source: object) -> Iterator[tuple[Any, object]]:
    """The parts; where the value's own code fails, a refusal."""
    try:
        yield from parts
    except NotJson:
        raise
    except Exception as error:
        raise _unreadable(source, error) from error


def _unreadable(value: object, error: Exception) -> NotJson:
    return NotJson(f"cannot be read: {shown(error)[:200]}", value)

"""Other types in JSON's own: one step for one value, whose parts are converted in their turn.

    datetime, date, time    RFC 3339 with the offset they have. Without one (naive) they are written
                            without: nobody knows which it was, and most programs mean local time
    Decimal                 text, so that no digit is lost: "1.10"
    UUID, path              text
    enum                    its value
    dataclass, attrs        an object of its fields
    pydantic                what `model_dump(mode="json")` makes of it
    numpy                   its scalars as Python's, arrays as nested arrays
    mapping, sequence       an object, an array

What has several forms (a duration, a set, bytes, a table) or none is refused.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from scheduler.core.json_values.refusing import NotJson, no_form


class Members:
    """The members of a JSON object, made as they are written."""

    def __init__(self, members: Iterable[tuple[Any, Any]]) -> None:
        self.iterator = iter(members)


class Elements:
    """The elements of a JSON array, made as they are written."""

    def __init__(self, elements: Iterable[object]) -> None:
        self.iterator = iter(elements)


def form_of(value: Any) -> object:  # noqa: ANN401 - any value
    """A value of another type in JSON's own types, or a step nearer to them.

    Raises:
        NotJson: it has no form.
        Exception: its own code failed.
    """
    kind = type(value)
    for base in kind.__mro__:
        form = FORMS.get(f"{base.__module__}.{base.__qualname__}")
        if form is not None:
            return form(value)
    if dataclasses.is_dataclass(kind):
        return Members(_fields(value, (field.name for field in dataclasses.fields(kind))))
    if hasattr(kind, "__attrs_attrs__"):
        return Members(_fields(value, (field.name for field in kind.__attrs_attrs__)))
    if isinstance(value, Mapping):
        return Members(value.items())
    if isinstance(value, Sequence):
        return Elements(value)
    raise no_form(value)


def _fields(value: object, names: Iterable[str]) -> Iterator[tuple[str, object]]:
    return ((name, getattr(value, name)) for name in names)


def _moment(value: Any) -> str:  # noqa: ANN401
    if value != value:  # noqa: PLR0124 - pandas' NaT is a datetime
        raise NotJson("is not a time (NaT)", value)
    offset = value.utcoffset()
    if offset is not None and offset.total_seconds() % 60:  # RFC 3339 has whole minutes only
        # Python's own arithmetic: the same instant in UTC.
        value = (value - offset).replace(tzinfo=None)
        return f"{value.isoformat()}+00:00"
    return str(value.isoformat())


def _time(value: Any) -> str:  # noqa: ANN401
    if value.tzinfo is not None and value.utcoffset() is None:
        raise NotJson("is a time whose zone has no offset without a date", value)
    return str(value.isoformat())


def _decimal(value: Any) -> str:  # noqa: ANN401
    if not value.is_finite():
        raise NotJson(f"is {value}, which JSON does not have", value)
    return str(value)


def _model(value: Any) -> object:  # noqa: ANN401
    """A pydantic model; the first version of pydantic has only `dict`."""
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else value.dict()


def _array(value: Any) -> object:  # noqa: ANN401
    """An array of no dimension is a scalar. Its rows are made as they are written."""
    if value.ndim == 0:
        return None if _is_masked(value) else value[()]
    return Elements(value)


def _rows(value: Any) -> object:  # noqa: ANN401
    """A matrix: its rows are matrices again."""
    return value.tolist()


def _is_masked(value: Any) -> bool:  # noqa: ANN401
    return getattr(value, "mask", False) is not False and bool(value.mask)


def _scalar(value: Any) -> object:  # noqa: ANN401
    """A numpy scalar. `item` gives a longdouble back as it is."""
    plain = value.item()
    return float(plain) if type(plain) is type(value) else plain


def _numpy_moment(value: Any) -> object:  # noqa: ANN401
    """As numpy writes it: RFC 3339 up to the nanosecond, which Python's datetime cannot hold."""
    text = str(value)
    if text == "NaT":
        raise NotJson("is not a time (NaT)", value)
    # Years and months alone: `item` gives the date of their first day.
    return text if len(text) >= len("2026-01-01") else value.item()


def _refused(value: object) -> object:
    raise no_form(value)


def _value(value: Any) -> object:  # noqa: ANN401
    return value.value


def _isoformat(value: Any) -> object:  # noqa: ANN401
    return value.isoformat()


FORMS: Final[Mapping[str, Callable[[Any], object]]] = {
    "enum.Enum": _value,
    "datetime.datetime": _moment,
    "datetime.date": _isoformat,
    "datetime.time": _time,
    "decimal.Decimal": _decimal,
    "uuid.UUID": str,
    "pathlib.PurePath": str,
    "pathlib._local.PurePath": str,
    "pydantic.main.BaseModel": _model,
    "pydantic.v1.main.BaseModel": _model,
    "numpy.ndarray": _array,
    "numpy.matrix": _rows,
    "numpy.datetime64": _numpy_moment,
    "numpy.timedelta64": _refused,
    "numpy.void": _refused,
    "numpy.generic": _scalar,
    "builtins.bytes": _refused,
    "builtins.bytearray": _refused,
    "builtins.memoryview": _refused,
}
"""The form of a class and of those that extend it, by its full name."""

"""What is said of a value that has no JSON form: where it is, what it is, and how it looks."""

from __future__ import annotations

import dataclasses
import reprlib
from collections.abc import Iterable
from typing import Any, Final

REPR_MAX: Final = 1000
"""Characters of a value that are shown."""
POINTER_MAX: Final = 300
"""Characters of a pointer that are shown: keys may be long, and a place may be deep."""
ITEMS_MAX: Final = 20
"""Items that are shown of each container."""
STRING_MAX: Final = 200
"""Characters that are shown of each text."""

ALLOWED: Final = (
    "allowed are JSON's own types, dates and times, UUIDs, enums, dataclasses, "
    "attrs and pydantic models, paths, Decimals, numpy's scalars and arrays"
)
INSTEAD: Final = {
    "builtins.set": "return a sorted list of it",
    "builtins.frozenset": "return a sorted list of it",
    "builtins.dict_values": "return a list of it",
    "builtins.dict_keys": "return a list of it",
    "builtins.dict_items": "return a dict or a list of it",
    "builtins.generator": "return a list of it",
    "builtins.coroutine": "await it",
    "builtins.bytes": "decode it, or encode it with base64",
    "builtins.bytearray": "decode it, or encode it with base64",
    "builtins.memoryview": "decode it, or encode it with base64",
    "datetime.timedelta": "return its .total_seconds()",
    "numpy.timedelta64": "return a number of seconds",
    "pandas.core.frame.DataFrame": 'return its .to_dict("records")',
    "pandas.core.series.Series": "return its .to_dict() or .to_list()",
    "pandas.DataFrame": 'return its .to_dict("records")',
    "pandas.Series": "return its .to_dict() or .to_list()",
    "polars.dataframe.frame.DataFrame": "return its .to_dicts()",
    "polars.series.series.Series": "return its .to_list()",
    "torch.Tensor": "return its .tolist()",
}
"""What to return in place of common types, by the full name of a class or of its base."""


class NotJson(Exception):
    """A value has no JSON form."""

    def __init__(self, reason: str, value: object, *, error: type[Exception] = ValueError) -> None:
        """Say why.

        Args:
            reason: continues a sentence that begins with the place.
            value: the one that is refused: a part of the whole, or all of it.
            error: `TypeError` where no value of this type has a form, else `ValueError`.
        """
        super().__init__(reason)
        self.reason, self.value, self.error = reason, value, error
        self.pointer = ""
        """Where it is: a JSON pointer (RFC 6901), shortened; empty for the whole value."""

    def __str__(self) -> str:
        return f"{self.pointer or 'it'} {self.reason}"


def no_form(value: object) -> NotJson:
    """The refusal of a type that has no one obvious JSON form."""
    names = [f"{base.__module__}.{base.__qualname__}" for base in type(value).__mro__]
    instead = next((INSTEAD[name] for name in names if name in INSTEAD), ALLOWED)
    return NotJson(f"is {a_type(value)}; {instead}", value, error=TypeError)


def pointer(tokens: Iterable[object]) -> str:
    """A JSON pointer (RFC 6901); of a long one, its beginning and its end."""
    escaped = (str(token).replace("~", "~0").replace("/", "~1") for token in tokens)
    text = "".join(f"/{token}" for token in escaped).encode(errors="backslashreplace").decode()
    half = POINTER_MAX // 2
    return text if len(text) <= POINTER_MAX else f"{text[:half]}…{text[-half:]}"


def shown_type(value: object) -> str:
    """The name of a value's type; with its module, where that is not Python's own."""
    kind = type(value)
    name = kind.__qualname__[:STRING_MAX]
    return name if kind.__module__ == "builtins" else f"{kind.__module__}.{name}"


def a_type(value: object) -> str:
    """The name of a value's type, with its article."""
    name = shown_type(value)
    return f"an {name}" if name[0] in "aeio" else f"a {name}"


def shown(value: object) -> str:
    """A value on one line of at most `REPR_MAX` characters, whatever its `repr` does."""
    try:
        text = _SHORT.repr(value)
    except Exception as error:  # noqa: BLE001 - a repr runs the value's own code
        text = f"<{shown_type(value)}: its repr raised {type(error).__name__}>"
    line = " ".join(text.split("\n"))
    return line if len(line) <= REPR_MAX else f"{line[:REPR_MAX]}…"


class _Short(reprlib.Repr):
    """Looks at a bounded part of containers, of those that extend Python's own as well."""

    def __init__(self) -> None:
        super().__init__()
        self.maxdict = self.maxlist = self.maxtuple = self.maxset = ITEMS_MAX
        self.maxstring = self.maxother = self.maxlong = STRING_MAX

    def repr_int(self, x: int, level: int) -> str:
        # Python refuses to write long integers, and takes long to do it.
        return (
            super().repr_int(x, level)
            if x.bit_length() < 2000
            else f"<an int of {x.bit_length()} bits>"
        )

    def repr_bytes(self, x: bytes, _level: int) -> str:
        return repr(x) if len(x) <= STRING_MAX else f"{x[:STRING_MAX]!r}…"

    def repr_bytearray(self, x: bytearray, level: int) -> str:
        return f"bytearray({self.repr_bytes(bytes(x[: STRING_MAX + 1]), level)})"

    def repr_instance(self, x: Any, level: int) -> str:  # noqa: ANN401 - any value
        if dataclasses.is_dataclass(x) and not isinstance(x, type):
            names = [field.name for field in dataclasses.fields(x)][:ITEMS_MAX]
            fields = (f"{name}={self.repr1(getattr(x, name), level - 1)}" for name in names)
            return f"{type(x).__qualname__}({', '.join(fields)})" if level > 0 else "…"
        for base in (dict, list, tuple, set, frozenset, str, bytes, int):
            if isinstance(x, base):
                part: str = getattr(self, f"repr_{base.__name__}")(x, level)
                return f"{type(x).__qualname__}({part})"
        text = repr(x)
        return text if level == self.maxlevel else text[:STRING_MAX]


_SHORT: Final = _Short()

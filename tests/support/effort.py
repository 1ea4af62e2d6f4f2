"""How much the tests do: usually, and more of it by `make test LONG=1`.

Both prove the same. The long form repeats it more often, or adds variants that differ little.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final, TypeVar

T = TypeVar("T")

LONG: Final = bool(os.environ.get("LONG"))


def rounds(usual: int, *, long: int) -> int:
    """How often, or how many: of these two."""
    return long if LONG else usual


def variants(usual: Iterable[T], *, long: Iterable[T] = ()) -> list[T]:
    """These values of a parameter, and in the long form those, too."""
    return [*usual, *(long if LONG else ())]

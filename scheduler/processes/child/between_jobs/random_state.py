"""The global random generators: a job must not begin with the numbers that another one chose.

After a fork all children would have the same state. `random` sees to that itself; a job that sets a
seed is noticed, because giving a new one after every job would take longer than all other looks.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, Final

_chosen: Final[list[bool]] = []
"""Not empty once somebody has chosen the state."""


def watch_random() -> None:
    """Notice from now on when a seed or a state is set; before any handler file is loaded."""
    random.seed = _noticed(random.seed)
    random.setstate = _noticed(random.setstate)


def restore_random() -> None:
    """Give the generators a new seed, if somebody may have set one."""
    if _chosen:
        random.seed()
        _chosen.clear()
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()


def _noticed(function: Callable[..., None]) -> Callable[..., None]:
    @wraps(function)
    def noticed(*arguments: Any, **options: Any) -> None:  # noqa: ANN401
        _chosen.append(True)
        function(*arguments, **options)

    return noticed

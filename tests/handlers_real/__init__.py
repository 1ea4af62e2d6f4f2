"""Handlers as users write them, with the libraries they use.

They are apart from `tests/handlers`, which every node of the tests loads: these take seconds to
import. Only this file is not as users write it.
"""

from __future__ import annotations

import multiprocessing
import os
from multiprocessing import shared_memory
from typing import Any

# The tests tell by the name what jobs of their node leave in /dev/shm, which all programs share.
MARK = os.environ.get("TRIAL", "")[:8]
here: Any = multiprocessing.current_process()
here._config["semprefix"] = f"/mp-{MARK}"
shared_memory._SHM_NAME_PREFIX = f"/{MARK}"  # type: ignore[attr-defined] # 10 characters at most

"""Which code SIGTERM has interrupted: the frames of the main thread, from the innermost on."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import PurePath
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio


def event_loop_at_work(frame: FrameType | None) -> asyncio.AbstractEventLoop | None:
    """The event loop that runs code of its own just now, or waits; None in anybody else's code.

    An exception there may lose the callback that the loop has just taken or is about to note, and a
    task that waits for it never ends, not even cancelled. For that reason Python itself cancels a
    task on Ctrl-C (`asyncio.Runner`) and raises nothing.
    """
    events = sys.modules.get("asyncio.events")
    if events is None:
        return None
    loop: asyncio.AbstractEventLoop | None = events._get_running_loop()  # noqa: SLF001
    folder = PurePath(str(events.__file__)).parent
    while loop is not None and frame is not None:
        file = PurePath(frame.f_code.co_filename)
        if file.parent != folder and file.name != "selectors.py":
            return None
        if frame.f_code.co_name == "_run_once" or file.name == "runners.py":
            return loop
        frame = frame.f_back
    return None


def end_subprocess(frame: FrameType | None) -> None:
    """Terminate the process for which `subprocess` waits, and keep it from waiting any longer.

    Ctrl-C is sent by a terminal to that process as well. So `subprocess` expects it to end, and
    gives it 0.25 s, or any time where its `with` block is left.
    """
    subprocess = sys.modules.get("subprocess")
    while subprocess is not None and frame is not None:
        if frame.f_code.co_filename == subprocess.__file__:
            waiting = frame.f_locals.get("self")
            if isinstance(waiting, subprocess.Popen):
                waiting._sigint_wait_secs = 0  # noqa: SLF001
                with suppress(OSError):
                    waiting.terminate()
        frame = frame.f_back

"""Ending a process and everything that came from it, and knowing that it is gone.

    freeze    SIGSTOP the root, then whatever `/proc/*/task/*/children` shows below it, again and
              again, until nothing new appears: what is stopped can start nothing
    kill      SIGKILL all but the root; a pool process is a child subreaper, so whatever was
              orphaned in between, however it detached itself, is below the root once more
    root      last, when nothing but zombies is left below it
    verify    wait until each is gone from the process table, zombies too; count what is not

A process is named by its number and its start time, and signalled by pidfd after the start time
was compared: never is a signal sent to a number that somebody else was given meanwhile.
Linux only. Everything here blocks for up to `VERIFY_S` and belongs into a thread.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

VERIFY_S: Final = 2.0
"""How long to wait for killed processes to leave the process table. A kill takes milliseconds;
what is still there after this sits in the kernel (state D) and is a survivor."""
PAUSE_S: Final = 0.0005
"""Between two looks at the process table; doubles up to 32 times that."""
DEAD: Final = "ZX"
"""States of a process that is over and only waits to be reaped."""


class Process(NamedTuple):
    """One process for its whole life: the pair is never given to another one."""

    pid: int
    started: int
    """Clock ticks from the boot of the machine to its start."""


class Stat(NamedTuple):
    """What `/proc/PID/stat` says of a process."""

    process: Process
    state: str
    parent: int


class Ended(NamedTuple):
    """What `end` met."""

    processes: int
    survivors: tuple[Process, ...]
    held: bool = True
    """Whether the root was there to the last. Where not, what it left is below another process."""


def stat(pid: int) -> Stat | None:
    """The process of this number, or None where there is none (proc_pid_stat(5))."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    # The second field is the program's name in parentheses, which may itself contain any of them.
    fields = text[text.rindex(")") + 2 :].split()
    return Stat(Process(pid, int(fields[19])), fields[0], int(fields[1]))


def is_there(process: Process) -> bool:
    """Whether the process is in the process table, as a zombie or alive."""
    found = stat(process.pid)
    return found is not None and found.process == process


def send(process: Process, signal_: signal.Signals) -> None:
    """Signal this process, and no other; nothing where it is gone or not ours to signal."""
    with suppress(ProcessLookupError, PermissionError):
        pidfd = os.pidfd_open(process.pid)
        try:
            if is_there(process):
                signal.pidfd_send_signal(pidfd, signal_)
        finally:
            os.close(pidfd)


def end(root: Process) -> Ended:
    """End a process and all that is below it, and see them leave the process table."""
    killed = kill(root)
    return killed._replace(survivors=_await_gone({root, *killed.survivors}))


def kill(root: Process) -> Ended:
    """End a process and all that is below it; not waiting for the root to be reaped."""
    send(root, signal.SIGSTOP)
    below = end_below(root)
    held = _lives(root)
    send(root, signal.SIGKILL)
    return Ended(below.processes + held, below.survivors, held)


def end_again(survivors: Iterable[Process]) -> tuple[Process, ...]:
    """Kill those again that outlived it, and answer those that still do."""
    for process in survivors:
        send(process, signal.SIGKILL)
    return _await_gone(set(survivors))


def end_below(ancestor: Process, *, spared: Container[int] = ()) -> Ended:
    """End everything below a process but not itself, nor its children in `spared`.

    The ancestor must adopt orphans (a child subreaper); then whatever detaches itself while this
    goes on shows up below it again, and the next round finds it.
    """
    met: set[Process] = set()
    deadline = time.monotonic() + VERIFY_S
    for pause_s in _pauses():
        living = _freeze(ancestor, spared)
        met |= living
        for process in living:
            send(process, signal.SIGKILL)
        if not living or time.monotonic() > deadline:
            break
        time.sleep(pause_s)
    return Ended(len(met), tuple(filter(_lives, met)))


def _freeze(ancestor: Process, spared: Container[int]) -> set[Process]:
    """Stop everything that lives below a process, until a look finds nothing new."""
    frozen: set[Process] = set()
    while fresh := {each for each in _below(ancestor, spared) if each not in frozen}:
        for process in fresh:
            send(process, signal.SIGSTOP)
        frozen |= fresh
    return frozen


def _below(ancestor: Process, spared: Container[int]) -> Iterator[Process]:
    """The living descendants of a process, parents first."""
    parents = [ancestor]
    while parents:
        parent = parents.pop()
        for child in _children(parent):
            if parent is ancestor and child.process.pid in spared:
                continue
            parents.append(child.process)
            if child.state not in DEAD:
                yield child.process


def _children(parent: Process) -> list[Stat]:
    """The children of all threads of a process; none where it is gone."""
    pids: list[int] = []
    for task in _tasks(parent.pid):
        with suppress(OSError):
            pids += map(int, (task / "children").read_text().split())
    if not is_there(parent):  # the number may be a stranger's by now, and so its children
        return []
    children = filter(None, map(stat, pids))
    return [child for child in children if child.parent == parent.pid]


def _tasks(pid: int) -> list[Path]:
    with suppress(OSError):
        return list(Path(f"/proc/{pid}/task").iterdir())
    return []


def _lives(process: Process) -> bool:
    """Whether the process is there and more than a zombie."""
    found = stat(process.pid)
    return found is not None and found.process == process and found.state not in DEAD


def _await_gone(processes: set[Process]) -> tuple[Process, ...]:
    """Wait until all have left the process table; those that have not within `VERIFY_S`."""
    deadline = time.monotonic() + VERIFY_S
    for pause_s in _pauses():
        processes = {process for process in processes if is_there(process)}
        if not processes or time.monotonic() > deadline:
            break
        time.sleep(pause_s)
    return tuple(processes)


def _pauses() -> Iterator[float]:
    pause_s = PAUSE_S
    while True:
        yield pause_s
        pause_s = min(pause_s * 2, PAUSE_S * 32)

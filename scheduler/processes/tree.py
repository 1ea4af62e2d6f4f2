"""Ending a process and everything that came from it, and knowing that it is gone.

    freeze    SIGSTOP the root, then each process that `/proc/*/task/*/children` shows below it, as
              soon as it is seen and with its whole group, again and again, until nothing new
              appears: what is stopped can start nothing
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
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from typing import Final, NamedTuple

VERIFY_S: Final = 2.0
"""How long to wait for killed processes to leave the process table. A kill takes milliseconds;
what is still there after this sits in the kernel (state D) and is a survivor."""
AGAIN_S: Final = 0.2
"""The same for survivors, which are looked for again and again: not to hold a thread for long."""
PAUSE_S: Final = 0.0001
"""Before the second look at the process table: a look takes less, and a death a few times that."""
PAUSE_MAX_S: Final = 0.016
"""Up to which the pauses double: looking for what is slow to die must not cost much."""
DEAD: Final = (b"Z", b"X")
"""States of a process that is over and only waits to be reaped."""
UNSEEN: Final = (FileNotFoundError, ProcessLookupError, PermissionError)
"""What the table says of a process that is not there, or not ours to see. Any other error, as for
too many open files, says nothing of it, least of all that it is gone."""


class Process(NamedTuple):
    """One process for its whole life: the pair is never given to another one."""

    pid: int
    started: int
    """Clock ticks from the boot of the machine to its start."""


class Stat(NamedTuple):
    """What `/proc/PID/stat` says of a process."""

    process: Process
    parent: int
    group: int
    lives: bool
    """Whether it is more than a zombie."""


class Ended(NamedTuple):
    """What `end` met."""

    processes: int
    survivors: tuple[Process, ...]
    held: bool = True
    """Whether the root was there to the last. Where not, what it left is below another process."""


def stat(pid: int) -> Stat | None:
    """The process of this number, or None where there is none (proc_pid_stat(5))."""
    try:
        text = _read(f"/proc/{pid}/stat")
    except UNSEEN:
        return None
    # The second field is the program's name in parentheses, which may itself contain any of them.
    fields = text[text.rindex(b")") + 2 :].split()
    # A process whose first thread has ended looks like a zombie, while its other threads go on.
    lives = fields[0] not in DEAD or int(fields[17]) > 1
    return Stat(Process(pid, int(fields[19])), int(fields[1]), int(fields[2]), lives)


def is_there(process: Process) -> bool:
    """Whether the process is in the process table, as a zombie or alive."""
    found = stat(process.pid)
    return found is not None and found.process == process


def lives(process: Process) -> bool:
    """Whether the process is there and more than a zombie."""
    found = stat(process.pid)
    return found is not None and found.process == process and found.lives


def ancestry(pid: int) -> Iterator[int]:
    """A process, its parent, the parent of that, and so on."""
    while pid > 0 and (found := stat(pid)) is not None:
        yield pid
        pid = found.parent


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
    left = _await_gone({root, *killed.survivors}, within_s=VERIFY_S)
    return killed._replace(survivors=left)


def kill(root: Process) -> Ended:
    """End a process and all that is below it; not waiting for anything to be reaped.

    Raises:
        ValueError: this process is below it as well.
    """
    _require_foreign(root)
    send(root, signal.SIGSTOP)
    _stop_group(root.pid, root)
    below = end_below(root)
    left = {child.process for child in children(root)}  # zombies: whoever adopts them reaps them
    held = lives(root)
    send(root, signal.SIGKILL)
    return Ended(below.processes + held, tuple(left.union(below.survivors)), held)


def end_again(survivors: Iterable[Process]) -> tuple[Process, ...]:
    """Kill those again that outlived it, and answer those that still do."""
    for process in survivors:
        send(process, signal.SIGKILL)
    return _await_gone(set(survivors), within_s=AGAIN_S)


def end_below(ancestor: Process, *, spared: Collection[Process] = ()) -> Ended:
    """End everything below a process but not itself, nor its children in `spared`.

    The ancestor must adopt orphans (a child subreaper); then whatever detaches itself while this
    goes on shows up below it again, and the next round finds it.

    Raises:
        ValueError: this process is below it as well.
    """
    _require_foreign(ancestor)
    met: set[Process] = set()
    deadline = time.monotonic() + VERIFY_S
    for pause_s in _pauses():
        living = _freeze(ancestor, spared, deadline=deadline)
        met |= living
        for process in living:
            send(process, signal.SIGKILL)
        if not living or time.monotonic() > deadline:
            break
        time.sleep(pause_s)
    return Ended(len(met), tuple(living))


def _require_foreign(root: Process) -> None:
    """Refuse to end init, or whatever else this process comes from, and with it everything."""
    if root.pid in ancestry(os.getpid()):
        raise ValueError(f"process {root.pid} has this one below it")


def _freeze(ancestor: Process, spared: Collection[Process], *, deadline: float) -> set[Process]:
    """Stop everything that lives below a process, until a look finds nothing new."""
    frozen: set[Process] = set()
    home = stat(ancestor.pid)
    kept = {home.group if home else 0, *(process.pid for process in spared)}
    while True:
        found = len(frozen)
        for each in _below(ancestor, spared):
            if each.process not in frozen:
                # Before the next look: a process that forks and exits is gone a moment later.
                send(each.process, signal.SIGSTOP)
                if each.group not in kept:
                    _stop_group(each.group, each.process)
                frozen.add(each.process)
        if len(frozen) == found or time.monotonic() > deadline:
            return frozen


def _stop_group(group: int, member: Process) -> None:
    """Stop a group, if that process, stopped before, is in it: one step, which no fork escapes.

    Whoever began a group outside of another's session has only his own descendants in it. And as
    long as a stopped process is in it, its number is given to nobody else.
    """
    found = stat(member.pid)
    if (
        found is not None
        and found.process == member
        and found.group == group
        and group not in {0, 1, os.getpgrp()}
    ):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGSTOP)


def _below(ancestor: Process, spared: Collection[Process]) -> Iterator[Stat]:
    """The living descendants of a process, parents first, and the latest child before others."""
    parents = [ancestor]
    while parents:
        parent = parents.pop()
        for child in children(parent):
            if parent is ancestor and child.process in spared:
                continue
            if child.lives:
                parents.append(child.process)
                yield child


def children(parent: Process) -> Iterator[Stat]:
    """The children of all threads of a process; none where it is gone."""
    pids: list[int] = []
    with suppress(*UNSEEN):
        for thread in os.listdir(f"/proc/{parent.pid}/task"):  # noqa: PTH208 - as _read
            pids += map(int, _read(f"/proc/{parent.pid}/task/{thread}/children").split())
    if not is_there(parent):  # the number may be a stranger's by now, and so its children
        return
    for pid in reversed(pids):
        child = stat(pid)
        if child is not None and child.parent == parent.pid:
            yield child


def _await_gone(processes: set[Process], *, within_s: float) -> tuple[Process, ...]:
    """Wait until all have left the process table; those that live on for longer."""
    deadline = time.monotonic() + within_s
    for pause_s in _pauses():
        processes = {process for process in processes if is_there(process)}
        if not processes or time.monotonic() > deadline:
            break
        time.sleep(pause_s)
    return tuple(filter(lives, processes))


def _read(path: str) -> bytes:
    """A file of `/proc`, with the bare calls: a look at many processes must take little time."""
    file = os.open(path, os.O_RDONLY)
    try:
        return b"".join(iter(lambda: os.read(file, 1 << 16), b""))
    finally:
        os.close(file)


def _pauses() -> Iterator[float]:
    pause_s = PAUSE_S
    while True:
        yield pause_s
        pause_s = min(pause_s * 2, PAUSE_MAX_S)

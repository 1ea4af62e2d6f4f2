"""Ends a process and everything that it started, and verifies that all of it is gone.

    freeze    SIGSTOP the root, then each process that `/proc/*/task/*/children` shows below it, as
              soon as it is seen and with its whole group; repeated until nothing new appears: a
              stopped process cannot start another one
    kill      SIGKILL all but the root; a pool process is a child subreaper, so whatever was
              orphaned in between, however it detached itself, is below the root again
    root      SIGKILL it last, when only zombies are left below it
    trackers  let resource trackers end by themselves, which remove what the others shared; then
              SIGKILL them, and what they started meanwhile
    verify    wait until each has left the process table, zombies too; report those that stay

A process is identified by its number and its start time, and signalled by pidfd after the start
time was compared: so a signal never reaches another process that got the same number meanwhile.
Linux only. Everything here blocks for up to `VERIFY_S` and belongs into a thread.
"""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

VERIFY_S: Final = 2.0
"""How long to wait for killed processes to leave the process table. A kill takes milliseconds; a
process that is still there after this is stuck in the kernel (state D) and is a survivor."""
AGAIN_S: Final = 0.2
"""The same for survivors, which are killed again and again: short, not to block a thread."""
TRACKERS_S: Final = 0.5
"""How long resource trackers may take once the last process that they serve is dead."""
TRACKER: Final = re.compile(rb"\bresource_tracker import main\b|\btorch_shm_manager\b").search
"""In the command line of such a process: of `multiprocessing`, of joblib, of PyTorch."""
PAUSE_S: Final = 0.0001
"""Before the second look at the process table. A look takes less; a death a few times that."""
PAUSE_MAX_S: Final = 0.016
"""Up to which the pauses double: waiting for a slow death must not cost much."""
DEAD: Final = (b"Z", b"X")
"""States of a process that has ended and only waits to be reaped."""
UNSEEN: Final = (FileNotFoundError, ProcessLookupError, PermissionError)
"""Errors for a process that does not exist, or that we may not see. Any other error, such as too
many open files, does not show that a process is gone."""


class Process(NamedTuple):
    """Identifies one process: no other one ever has the same pair."""

    pid: int
    started: int
    """Clock ticks from the boot of the machine to the start of the process."""


class Stat(NamedTuple):
    """What `/proc/PID/stat` says of a process."""

    process: Process
    parent: int
    group: int
    lives: bool
    """Whether it is not a zombie."""


class Ended(NamedTuple):
    """What `end` found and did."""

    met: frozenset[Process]
    """All that lived, and were killed."""
    survivors: tuple[Process, ...]
    held: bool = True
    """Whether the root was there until the end. If not, its children are below another process."""
    trackers: tuple[Process, ...] = ()
    """Resource trackers, which `kill` leaves alive: they end when the others are dead."""

    @property
    def processes(self) -> int:
        """How many there were."""
        return len(self.met)


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
    """Whether the process is in the process table, and is not a zombie."""
    found = stat(process.pid)
    return found is not None and found.process == process and found.lives


def ancestry(pid: int) -> Iterator[int]:
    """A process, its parent, the parent of that, and so on."""
    while pid > 0 and (found := stat(pid)) is not None:
        yield pid
        pid = found.parent


def send(process: Process, signal_: signal.Signals) -> None:
    """Signal this process and no other; without effect where it is gone or we may not signal it."""
    with suppress(ProcessLookupError, PermissionError):
        pidfd = os.pidfd_open(process.pid)
        try:
            if is_there(process):
                signal.pidfd_send_signal(pidfd, signal_)
        finally:
            os.close(pidfd)


def end(root: Process) -> Ended:
    """End a process and all that is below it, and wait until they have left the process table."""
    killed = kill(root)
    left = _await_gone({root, *killed.survivors}, within_s=VERIFY_S)
    trackers = end_trackers(killed.trackers)
    return Ended(killed.met | trackers.met, left + trackers.survivors, killed.held)


def end_trackers(trackers: Iterable[Process]) -> Ended:
    """Wait until resource trackers have ended by themselves; end those that do not."""
    met = frozenset(trackers)
    ended = [end(tracker) for tracker in _await_gone(set(met), within_s=TRACKERS_S)]
    survivors = tuple(process for each in ended for process in each.survivors)
    return Ended(met.union(*(each.met for each in ended)), survivors)


def kill(root: Process) -> Ended:
    """End a process and all that is below it, without waiting until it is reaped.

    Raises:
        ValueError: this process is below it as well.
    """
    _require_foreign(root)
    send(root, signal.SIGSTOP)
    _stop_group(root.pid, root)
    ended = end_below(root)
    # Zombies too: the process that adopts them reaps them.
    left = {child.process for child in children(root)}.difference(ended.trackers)
    held = lives(root)
    for tracker in ended.trackers:
        # It was stopped with the root's group. When the root dies, what is stopped there ends too.
        send(tracker, signal.SIGCONT)
    send(root, signal.SIGKILL)
    met = ended.met | {root} if held else ended.met
    return Ended(met, tuple(left.union(ended.survivors)), held, ended.trackers)


def end_again(survivors: Iterable[Process]) -> tuple[Process, ...]:
    """Kill the survivors again; those that still survive."""
    for process in survivors:
        send(process, signal.SIGKILL)
    return _await_gone(set(survivors), within_s=AGAIN_S)


def end_all_below(ancestor: Process, *, spared: Collection[Process] = ()) -> Ended:
    """End everything below a process, resource trackers last.

    The second time without exception: a process of a job may claim to be a tracker, and start
    others, or copies of itself, for as long as trackers may take.

    Raises:
        ValueError: this process is below it as well.
    """
    first = end_below(ancestor, spared=spared)
    if not first.trackers:
        return first
    trackers = end_trackers(first.trackers)
    rest = end_below(ancestor, spared=spared, trackers_last=False)
    left = {*first.survivors, *trackers.survivors, *rest.survivors}
    return Ended(first.met | trackers.met | rest.met, tuple(filter(lives, left)))


def end_below(
    ancestor: Process, *, spared: Collection[Process] = (), trackers_last: bool = True
) -> Ended:
    """End everything below a process but not itself, nor its children in `spared`.

    The ancestor must adopt orphans (be a child subreaper): then a process that detaches itself
    meanwhile appears below it again, and the next round finds it.

    Args:
        trackers_last: leave resource trackers alive, and return them.

    Raises:
        ValueError: this process is below it as well.
    """
    _require_foreign(ancestor)
    met: set[Process] = set()
    deadline = time.monotonic() + VERIFY_S
    for pause_s in _pauses():
        living, kept = _freeze(ancestor, spared, trackers_last=trackers_last, deadline=deadline)
        for tracker in kept:
            # It was stopped with a group: when the parent of one dies, what is stopped there ends.
            send(tracker, signal.SIGCONT)
        met |= living
        for process in living:
            send(process, signal.SIGKILL)
        if not living or time.monotonic() > deadline:
            break
        time.sleep(pause_s)
    # Also what was one when it was looked at, and has a child by now.
    left = (child.process for child in children(ancestor) if child.process not in spared)
    trackers = tuple(process for process in left if process not in living and lives(process))
    return Ended(frozenset(met), tuple(living), trackers=trackers)


def _require_foreign(root: Process) -> None:
    """Refuse to end an ancestor of this process, such as init, and with it everything."""
    if root.pid in ancestry(os.getpid()):
        raise ValueError(f"process {root.pid} has this one below it")


def _freeze(
    ancestor: Process, spared: Collection[Process], *, trackers_last: bool, deadline: float
) -> tuple[set[Process], set[Process]]:
    """Stop everything that lives below a process, until a look finds nothing new.

    Returns:
        What was stopped; and the resource trackers that are to be left.
    """
    frozen: set[Process] = set()
    trackers: set[Process] = set()
    home = stat(ancestor.pid)
    kept = {home.group if home else 0, *(process.pid for process in spared)}
    while True:
        found = len(frozen)
        for each in _below(ancestor, spared):
            if each.process in frozen:
                continue
            if trackers_last and is_tracker(each.process):
                trackers.add(each.process)
                continue
            # Before the next look: a process that forks and exits is gone a moment later.
            send(each.process, signal.SIGSTOP)
            if each.group not in kept:
                _stop_group(each.group, each.process)
            frozen.add(each.process)
        if len(frozen) == found or time.monotonic() > deadline:
            return frozen, trackers - frozen


def _stop_group(group: int, member: Process) -> None:
    """Stop a group if `member`, which is stopped, is in it: one step, which no fork escapes.

    A process that leads a group in a session of its own has only its own descendants in it. As long
    as a stopped process is in the group, no other group gets its number.
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


def below(ancestor: Process) -> Sequence[Process]:
    """The living descendants of a process, as one look finds them."""
    return [each.process for each in _below(ancestor, ())]


def _below(ancestor: Process, spared: Collection[Process]) -> Iterator[Stat]:
    """The living descendants of a process: parents first, and the latest child first."""
    parents = [ancestor]
    while parents:
        parent = parents.pop()
        for child in children(parent):
            if parent is ancestor and child.process in spared:
                continue
            if child.lives:
                parents.append(child.process)
                yield child


def is_tracker(process: Process) -> bool:
    """Whether this is a resource tracker. What has children only claims to be one."""
    with suppress(*UNSEEN):
        command = _read(f"/proc/{process.pid}/cmdline")
        return TRACKER(command) is not None and not any(children(process))
    return False


def children(parent: Process) -> Iterator[Stat]:
    """The children of all threads of a process; none where it is gone."""
    pids: list[int] = []
    with suppress(*UNSEEN):
        for thread in os.listdir(f"/proc/{parent.pid}/task"):  # noqa: PTH208 - as _read
            pids += map(int, _read(f"/proc/{parent.pid}/task/{thread}/children").split())
    if not is_there(parent):  # another process may have its number by now, and these children
        return
    for pid in reversed(pids):
        child = stat(pid)
        if child is not None and child.parent == parent.pid:
            yield child


def _await_gone(processes: set[Process], *, within_s: float) -> tuple[Process, ...]:
    """Wait until all have left the process table; those that are still alive after that."""
    deadline = time.monotonic() + within_s
    for pause_s in _pauses():
        processes = {process for process in processes if is_there(process)}
        if not processes or time.monotonic() > deadline:
            break
        time.sleep(pause_s)
    return tuple(filter(lives, processes))


def _read(path: str) -> bytes:
    """A file of `/proc`, read with bare system calls: a look at many processes must be fast."""
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

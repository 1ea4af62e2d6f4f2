"""Ending process trees: real ones, and with a patched process table what no test can arrange."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import pytest

from scheduler.processes import tree
from scheduler.processes.child.containment import PR_SET_CHILD_SUBREAPER, adopt_orphans
from tests.support.eventually import eventually
from tests.support.process_table import living, states, there

Started = Callable[..., tree.Process]

ROOT = f"""
import os, signal, subprocess, sys, time
sys.path.insert(0, {str(Path.cwd())!r})
from scheduler.processes.child.containment import adopt_orphans
adopt_orphans()
def ready(): print(os.getpid(), flush=True)
def fork(): return os.fork()
"""
"""The beginning of each program in these tests: it is a root that adopts its orphans."""


@pytest.fixture
def started() -> Iterator[Started]:
    """Starts a root with a program, and returns once that has printed that it is ready."""
    outputs: list[IO[str]] = []

    def start(program: str, *, leads: bool = True) -> tree.Process:
        root = subprocess.Popen(
            [sys.executable, "-c", ROOT + program],
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=leads,
        )
        assert root.stdout is not None
        outputs.append(root.stdout)
        root.stdout.readline()
        root.returncode = 0  # `adopting` reaps it
        return process_of(root.pid)

    with adopting():
        yield start
    for output in outputs:
        output.close()


def counted(ended: tree.Ended) -> tuple[int, tuple[tree.Process, ...], bool]:
    """How many processes were ended, which of them survived, and whether the root was held."""
    return ended.processes, ended.survivors, ended.held


@contextmanager
def adopting() -> Iterator[None]:
    """Adopt and reap all orphans, as the fork server does for a node, but slowly; leave none.

    The servers and the node that all tests share are children of this process too; they are spared.
    """
    adopt_orphans()
    spared = frozenset(children(os.getpid()))
    over = threading.Event()

    def reap() -> None:
        while not over.wait(0.001):
            with suppress(ChildProcessError):
                os.waitpid(-1, os.WNOHANG)

    reaper = threading.Thread(target=reap)
    reaper.start()
    try:
        yield
    finally:
        try:
            while left := set(children(os.getpid())) - spared:
                for pid in left:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                with suppress(ChildProcessError):  # chains leave more than the thread can reap
                    while os.waitpid(-1, os.WNOHANG)[0]:
                        pass
        finally:  # also where the time is up: it would take the exit codes of all later tests
            over.set()
            reaper.join()
            ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def test_a_single_process_is_ended_and_reaped(started: Started) -> None:
    """Gone means gone from the process table."""
    root = started("ready(); time.sleep(1000)")
    assert counted(tree.end(root)) == (1, (), True)
    assert not there([root.pid])


async def test_a_tree_is_ended_and_counted(started: Started) -> None:
    """The receipt of an abort says how many there were, and a user may count them."""
    root = started(
        "subprocess.Popen(['sleep', '1000'])\n"
        "subprocess.Popen(['sleep', '1000'], start_new_session=True)\n"
        "subprocess.run('(setsid sleep 1000 >/dev/null 2>&1 &) ; exit 0', shell=True)\n"
        "ready(); time.sleep(1000)"
    )
    await grown(root, 3)
    below = family(root.pid)
    assert counted(tree.end(root)) == (4, (), True)
    assert not there([root.pid, *below])


def test_the_children_of_all_threads_are_found(started: Started) -> None:
    """The kernel lists a child under the thread that started it."""
    root = started(
        "import threading\n"
        "def start(): subprocess.Popen(['sleep', '1000']); ready(); time.sleep(1000)\n"
        "threading.Thread(target=start).start()"
    )
    assert tree.end(root).processes == 2


def test_a_process_whose_first_thread_ended_is_not_taken_for_a_zombie(started: Started) -> None:
    """The process table shows it as a zombie, while its other threads go on writing files."""
    root = started(
        "import ctypes, threading\n"
        "from tests.handlers.hard import SYS_EXIT\n"
        "if fork():\n"
        "    time.sleep(1000)\n"
        "threading.Thread(target=lambda: (time.sleep(0.1), ready(), time.sleep(1000))).start()\n"
        "ctypes.CDLL(None).syscall(SYS_EXIT, 0)"
    )
    (headless,) = family(root.pid)
    assert counted(tree.end(root)) == (2, (), True)
    assert not there([root.pid, headless])


def test_stopped_processes_are_ended(started: Started) -> None:
    """A stopped process takes no other signal, but it takes SIGKILL."""
    root = started(
        "if not fork(): os.kill(os.getpid(), signal.SIGSTOP)\n"
        "ready(); os.kill(os.getpid(), signal.SIGSTOP)"
    )
    assert counted(tree.end(root)) == (2, (), True)


@pytest.mark.parametrize("leads", [True, False])
@pytest.mark.parametrize("detach", ["pass", "os.setsid()"])
def test_chains_that_fork_all_the_time_are_overtaken(
    started: Started, detach: str, *, leads: bool
) -> None:
    """A process seen a moment ago is gone, and its child is where nothing has looked yet."""
    before = set(children(os.getpid()))
    root = started(
        "until = time.monotonic() + 100\n"
        "for _ in range(20):\n"
        "    if fork(): continue\n"
        "    while time.monotonic() < until:\n"
        f"        {detach}\n"
        "        time.sleep(0.002)\n"
        "        if fork(): break\n"
        "    os._exit(0)\n"
        "ready(); time.sleep(1000)",
        leads=leads,
    )
    ended = tree.end(root)
    # On a busy machine many a link dies with the group of the one before, and nobody has met it.
    assert ended.processes > 1
    assert not tree.end_again(ended.survivors)
    assert not living(set(children(os.getpid())) - before)


async def test_a_group_is_stopped_before_its_members_are_looked_for(
    started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel does it in one step: a process that forks faster than we look cannot escape."""
    root = started("subprocess.Popen(['sleep', '1000']); ready(); time.sleep(1000)")
    (child,) = family(root.pid)
    monkeypatch.setattr(tree, "children", lambda _parent: iter(()))
    tree.kill(root)
    await eventually(lambda: state(child) == "T")


def test_each_process_is_stopped_before_the_next_is_looked_at(
    started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process may fork and exit while others are read; then its child would not be found."""
    root = started(
        "for _ in range(3): subprocess.Popen(['sleep', '1000'], start_new_session=True)\n"
        "ready(); time.sleep(1000)"
    )
    children, send = tree.children, tree.send
    looked: list[tree.Process] = []
    sent: list[tuple[tree.Process, signal.Signals]] = []

    def look(parent: tree.Process) -> Iterator[tree.Stat]:
        for each in children(parent):
            yield each
            looked.append(each.process)
            assert (each.process, signal.SIGSTOP) in sent

    def note(process: tree.Process, signal_: signal.Signals) -> None:
        sent.append((process, signal_))
        send(process, signal_)

    monkeypatch.setattr(tree, "children", look)
    monkeypatch.setattr(tree, "send", note)
    assert tree.end(root).processes == 4
    assert len(set(looked)) == 3


async def test_a_supervisor_cannot_restart_its_workers(started: Started) -> None:
    """It replaces workers that die, so all processes are stopped before the first is killed."""
    root = started(
        "if not fork():\n"
        "    for _ in range(3):\n"
        "        subprocess.Popen(['sleep', '1000'])\n"
        "    ready()\n"
        "    while os.wait(): subprocess.Popen(['sleep', '1000'])\n"
        "time.sleep(1000)"
    )
    await grown(root, 4)
    assert counted(tree.end(root)) == (5, (), True)


async def test_a_pipeline_is_counted_before_it_falls_apart(started: Started) -> None:
    """The death of one ends the others; the receipt must count them all."""
    root = started(
        "subprocess.Popen('cat | cat | cat; :', shell=True, stdin=-1)\nready(); time.sleep(1000)"
    )
    await grown(root, 4)
    assert tree.end(root).processes == 5


async def test_everything_below_an_adopter_is_ended_but_for_the_spared(started: Started) -> None:
    """A pool process that crashed leaves its children below the fork server, among other ones."""
    root = started(
        "kept = subprocess.Popen(['sleep', '1000'], start_new_session=True)\n"
        "subprocess.Popen(['sh', '-c', 'sleep 1000; :'], start_new_session=True)\n"
        "ready()\n"
        "time.sleep(1000)"
    )
    await grown(root, 3)
    spared = min(pid for pid in family(root.pid) if name_of(pid) == "sleep")
    assert tree.end_below(root, spared={process_of(spared)}).processes == 2
    assert there([root.pid, spared]) == [root.pid, spared]
    assert "T" not in {state(root.pid), state(spared)}
    assert tree.end(root).processes == 2


FALSE_TRACKERS = {
    "stays": "time.sleep(1000)",
    "copies itself": "for _ in range(100):\n time.sleep(0.1)\n if os.fork(): os._exit(0)",
    "has a child at times": "for _ in range(999):\n if not os.fork(): time.sleep(0.01), os._exit(0)"
    "\n os.wait()\n time.sleep(0.01)",
    "starts another": "time.sleep(0.1)\nif not os.fork(): os.execlp('sleep', 'sleep', '1000')",
}


@pytest.mark.parametrize("kind", FALSE_TRACKERS)
def test_nothing_that_claims_to_be_a_tracker_is_left(started: Started, kind: str) -> None:
    """Trackers end last, by themselves: a job could keep a process alive by such a name."""
    root = started(
        "program = 'import os, time\\nos.setsid()\\nprint(flush=True)\\n'\n"
        f"program += {FALSE_TRACKERS[kind]!r}\n"
        "command = [sys.executable, '-c', program, 'resource_tracker import main']\n"
        "subprocess.Popen(command, stdout=subprocess.PIPE).stdout.readline()\n"
        "signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"  # no zombies are to fill the table
        "ready(); time.sleep(1000)"
    )
    assert tree.end_all_below(root).survivors == ()
    assert living(family(root.pid)) == []


def test_the_group_of_an_adopter_is_not_stopped(started: Started) -> None:
    """The fork server is in the group of its node: stopping that group would stop the node."""
    root = started("subprocess.Popen(['sleep', '1000']); ready(); time.sleep(1000)")
    assert tree.end_below(root).processes == 1
    assert state(root.pid) != "T"
    tree.end(root)


def test_a_root_that_was_gone_before_is_not_counted(started: Started) -> None:
    """Then its children are elsewhere, and the caller has to look for them there."""
    root = started("ready(); time.sleep(1000)")
    tree.end(root)
    assert counted(tree.end(root)) == (0, (), False)


def test_a_number_that_another_process_has_by_now_is_not_signalled(started: Started) -> None:
    """Process numbers are reused, so a number alone does not identify a process."""
    root = started("ready(); time.sleep(1000)")
    predecessor = root._replace(started=root.started - 1)
    tree.send(predecessor, signal.SIGKILL)
    assert counted(tree.end(predecessor)) == (0, (), False)
    assert living([root.pid])
    assert state(root.pid) != "T"
    tree.end(root)


@pytest.mark.parametrize("end", ["end", "kill", "end_below"])
def test_a_process_never_ends_its_own_ancestors(end: str) -> None:
    """Without its fork server, the parent of a pool process is init, root of the whole machine.

    The test runs in a process of its own: where it fails, that and its parent are stopped.
    """
    program = f"""
import os, sys
from scheduler.processes import tree
if os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
try:
    tree.{end}(tree.stat(os.getppid()).process)
except ValueError as refusal:
    os._exit(0 if "has this one below it" in str(refusal) else 2)
"""
    assert subprocess.run([sys.executable, "-c", program], timeout=10, check=False).returncode == 0


def test_a_program_name_may_contain_the_separators_of_the_fields(started: Started) -> None:
    """The table has a program's name in parentheses, and the name may contain parentheses."""
    root = started("open('/proc/self/comm', 'w').write(') Z 1 (x'); ready(); time.sleep(1000)")
    assert tree.end(root).processes == 1


def test_a_process_table_that_cannot_be_read_proves_no_death(started: Started) -> None:
    """Taken for a death, it would report an abort that did not happen."""
    root = started("ready(); time.sleep(1000)")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            tree.end(root)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert living([root.pid])
    tree.end(root)


class Unkillable:
    """Makes one process survive SIGKILL, as a process in state D does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, process: tree.Process) -> None:
        self.process = process
        self.killed = 0
        self._send = tree.send
        monkeypatch.setattr(tree, "send", self)
        monkeypatch.setattr(tree, "VERIFY_S", 0.5)

    def __call__(self, process: tree.Process, signal_: signal.Signals) -> None:
        if process == self.process:
            self.killed += signal_ == signal.SIGKILL
        else:
            self._send(process, signal_)


def test_a_child_that_survives_is_reported(
    started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job is not reported aborted while the table shows a process of it."""
    root = started("subprocess.Popen(['sleep', '1000']); ready(); time.sleep(1000)")
    (child,) = map(process_of, family(root.pid))
    unkillable = Unkillable(monkeypatch, child)
    assert counted(tree.end(root)) == (2, (child,), True)
    assert not there([root.pid])
    assert unkillable.killed > 1
    assert tree.end_again([child]) == (child,)
    monkeypatch.undo()
    assert tree.end_again([child]) == ()
    assert not there([child.pid])


def test_a_survivor_below_an_adopter_is_reported(
    started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that a crashed one left behind may survive SIGKILL as well."""
    root = started("subprocess.Popen(['sleep', '1000']); ready(); time.sleep(1000)")
    (child,) = map(process_of, family(root.pid))
    Unkillable(monkeypatch, child)
    assert counted(tree.end_below(root)) == (1, (child,), True)
    assert counted(tree.end_below(root, spared={child})) == (0, (), True)
    monkeypatch.undo()
    assert counted(tree.end_below(root)) == (1, (), True)


def test_a_root_that_survives_is_reported(
    started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything below it is dead all the same."""
    root = started("subprocess.Popen(['sleep', '1000']); ready(); time.sleep(1000)")
    below = family(root.pid)
    Unkillable(monkeypatch, root)
    assert counted(tree.end(root)) == (2, (root,), True)
    assert not living(below)
    monkeypatch.undo()
    assert tree.end_again([root]) == ()


def family(ancestor: int) -> list[int]:
    """Everything below a process, zombies too."""
    found = children(ancestor)
    for pid in found:
        found += children(pid)
    return found


def children(parent: int) -> list[int]:
    """The children of a process, zombies too: read faster than chains of processes grow."""
    found: list[int] = []
    for file in Path(f"/proc/{parent}/task").glob("*/children"):
        with suppress(OSError):
            found += map(int, file.read_text().split())
    return found


async def grown(root: tree.Process, size: int) -> None:
    """Wait until this many are below it: a shell takes some time to start its programs."""
    await eventually(lambda: len(family(root.pid)) == size)


def process_of(pid: int) -> tree.Process:
    found = tree.stat(pid)
    assert found is not None
    return found.process


def state(pid: int) -> str:
    return states()[pid][0]


def name_of(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()

"""Loading handlers anew: what starts it, and what is said of it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from scheduler.core.errors import StartError
from scheduler.core.handler import HandlerOptions
from scheduler.core.tasks import Tasks
from scheduler.node.reloading import folder_watch
from scheduler.node.reloading.config_file import ConfigFile
from scheduler.node.reloading.folder_watch import LOOK_S, FolderWatch
from scheduler.node.reloading.reloading import SETTLED_LOOKS_MAX, SETTLED_S, Reloading, differences
from scheduler.node.reloading.snapshots import taken
from scheduler.processes.generation import Generation
from scheduler.processes.warden.cookie import SCRATCH
from scheduler.telemetry.metrics import Metrics
from tests.fakes import AT, FakeClock
from tests.support.eventually import eventually
from tests.support.handlers.folders import lay_out
from tests.support.nodes import ROOT


def options(**timeouts: float | None) -> dict[str, HandlerOptions]:
    return {name: HandlerOptions(name=name, timeout_s=each) for name, each in timeouts.items()}


def test_a_load_says_what_it_changed() -> None:
    """Who renamed a handler sees that its old name is gone, and its queued jobs with it."""
    before = options(kept=None, gone=None, slower=5)
    now = options(slower=50, new=None, kept=None)

    assert differences(before, now) == {
        "handlers": 3,
        "added": ["new"],
        "removed": ["gone"],
        "other_options": ["slower"],
    }
    assert differences(now, now) == {"handlers": 3}


def test_a_configuration_that_was_changed_meanwhile_is_noticed(tmp_path: Path) -> None:
    """Users of other servers expect SIGHUP to read it as well."""
    file = tmp_path / "config.toml"
    missing = ConfigFile(file)
    assert not missing.changed
    file.write_text("[node]\n")
    assert missing.changed
    there = ConfigFile(file)
    assert not there.changed
    file.unlink()
    assert there.changed


class Slots:
    """Loads what it is given, when the test lets it."""

    def __init__(self) -> None:
        self.tasks = Tasks(options(a=None), loaded_at=AT)
        self.fault: Exception | None = None
        self.loads = 0
        self.may_load = asyncio.Event()
        self.may_load.set()

    async def load(self, generation: Generation, *, announce: Callable[..., Any]) -> None:
        del announce
        self.loads += 1
        await self.may_load.wait()
        await asyncio.to_thread(generation.end)
        if self.fault is not None:
            raise self.fault
        self.tasks.load(options(a=None, b=None), at=AT)


class Trial:
    """What loads handlers anew, and what it needs."""

    def __init__(self, folder: Path) -> None:
        self.slots, self.draining, self.clock = Slots(), asyncio.Event(), FakeClock()
        self.registry = CollectorRegistry()
        self.config_file = ConfigFile(folder / "config.toml")
        self.reloading = Reloading(
            str(folder / "handlers"),
            slots=cast("Any", self.slots),
            lease=cast("Any", self),
            metrics=Metrics(self.registry),
            config_file=self.config_file,
            clock=self.clock,
            draining=self.draining,
        )

    async def set_tasks(self, tasks: object) -> None:
        """As a lease does."""

    async def load(self) -> None:
        """Load, once nobody has saved anything for long enough."""
        async with asyncio.TaskGroup() as group:
            loading = group.create_task(self.reloading.load())
            await self.clock.pass_until(loading.done)

    def count(self, outcome: str) -> float | None:
        return self.registry.get_sample_value("scheduler_handler_loads_total", {"outcome": outcome})

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            run = group.create_task(self.reloading.run())
            yield
            run.cancel()


@pytest.fixture
def trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trial:
    monkeypatch.setenv(SCRATCH, str(tmp_path))
    lay_out(tmp_path / "handlers", {"a.py": ""})
    return Trial(tmp_path)


async def test_a_load_is_told_with_a_hint_to_what_is_not_loaded(trial: Trial) -> None:
    trial.config_file.path.write_text("[node]\n")

    with capture_logs() as lines:
        await trial.load()

    (line,) = lines
    assert (line["event"], line["log_level"]) == ("the handlers are loaded anew", "info")
    assert (line["handlers"], line["added"]) == (2, ["b"])
    assert line["hint"].endswith("config.toml has changed, too: it is read at the start only")
    assert trial.count("loaded") == 1


@pytest.mark.parametrize("fault", [StartError("a.py:3: it does not import"), OSError("disk full")])
async def test_what_does_not_load_is_told_and_changes_nothing(
    trial: Trial, fault: Exception
) -> None:
    """A mistake while somebody edits must not stop the node."""
    trial.slots.fault = fault

    with capture_logs() as lines:
        await trial.load()

    (line,) = lines
    assert (line["log_level"], line["error"]) == ("error", str(fault))
    assert list(trial.slots.tasks) == ["a"]
    assert trial.count("failed") == 1


async def test_a_folder_that_is_gone_is_told(trial: Trial, tmp_path: Path) -> None:
    (tmp_path / "handlers").rename(tmp_path / "elsewhere")

    with capture_logs() as lines:
        await trial.load()

    assert "there is no such folder" in lines[0]["error"]
    assert trial.slots.loads == 0


async def test_files_that_are_just_being_saved_are_waited_for(trial: Trial, tmp_path: Path) -> None:
    """Half of a file may load, without its handlers: then their jobs would end."""
    async with trial.running():
        trial.reloading.request()
        for length in range(1, 5):
            await eventually(lambda: trial.clock._sleepers)
            lay_out(tmp_path / "handlers", {"a.py": "#" * length})
            trial.clock.advance(SETTLED_S)
        await eventually(lambda: trial.clock._sleepers)
        assert trial.slots.loads == 0
        trial.clock.advance(SETTLED_S)
        await eventually(lambda: trial.slots.loads == 1)


async def test_a_folder_that_changes_all_the_time_is_loaded_all_the_same(
    trial: Trial, tmp_path: Path
) -> None:
    async with trial.running():
        trial.reloading.request()
        for length in range(SETTLED_LOOKS_MAX):
            await eventually(lambda: trial.clock._sleepers)
            lay_out(tmp_path / "handlers", {"a.py": "#" * (length + 1)})
            trial.clock.advance(SETTLED_S)
        await eventually(lambda: trial.slots.loads == 1)


async def test_requests_during_a_load_cause_one_more(trial: Trial) -> None:
    """What was saved meanwhile is not lost, and ten saves are not ten loads."""
    trial.slots.may_load.clear()
    async with trial.running():
        trial.reloading.request()
        await trial.clock.pass_until(lambda: trial.slots.loads == 1)
        for _ in range(10):
            trial.reloading.request()
        trial.slots.may_load.set()
        await trial.clock.pass_until(lambda: trial.count("loaded") == 2)
    assert trial.slots.loads == 2


async def test_nothing_is_loaded_during_a_drain(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service manager may send SIGHUP with the signal that stops the node."""
    loads = list[None]()

    async def load() -> None:
        loads.append(None)

    monkeypatch.setattr(trial.reloading, "load", load)
    async with trial.running():
        trial.draining.set()
        trial.reloading.request()
        await eventually(lambda: not trial.reloading._requested.is_set())
        assert not loads


class Saves:
    """A folder that is watched, and how often a save was noticed."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock, self.noticed = folder, FakeClock(), 0
        self.watch = FolderWatch(
            str(folder), loaded=taken(str(folder)), clock=self.clock, on_saved=self._note
        )

    def _note(self) -> None:
        self.noticed += 1

    async def looks(self, times: int = 3) -> int:
        """Let it look a few times; how many saves it has noticed so far."""
        for _ in range(times):
            await eventually(lambda: self.clock._sleepers)
            self.clock.advance(LOOK_S)
        await eventually(lambda: self.clock._sleepers)
        return self.noticed


@pytest.fixture
async def saves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Saves]:
    monkeypatch.setattr(folder_watch, "PAUSES", 0)
    saves = Saves(lay_out(tmp_path / "handlers", {"a.py": "1", "shop/b.py": "2"}))
    async with asyncio.TaskGroup() as group:
        run = group.create_task(saves.watch.run())
        yield saves
        run.cancel()


async def test_a_save_is_noticed_once(saves: Saves) -> None:
    assert await saves.looks() == 0
    lay_out(saves.folder, {"shop/b.py": "three"})
    assert await saves.looks() == 1
    lay_out(saves.folder, {"shop/c.py": "new"})
    assert await saves.looks() == 2
    (saves.folder / "a.py").unlink()
    assert await saves.looks(5) == 3


async def test_what_was_saved_before_the_first_look_is_noticed(saves: Saves) -> None:
    """The handlers were read before store and queue were reached, which may take seconds."""
    lay_out(saves.folder, {"a.py": "meanwhile"})
    assert await saves.looks() == 1


async def test_what_changes_no_text_of_a_handler_is_no_save(saves: Saves) -> None:
    """Data, caches, and editors that touch a file."""
    os.utime(saves.folder / "a.py", (1, 1))
    lay_out(saves.folder, {"rates.csv": "1", "__pycache__/a.py": "x", ".hidden.py": "x"})
    assert await saves.looks() == 0


async def test_a_folder_that_goes_and_comes_back_is_noticed(saves: Saves, tmp_path: Path) -> None:
    """As it does where a deployment replaces it."""
    await saves.looks()
    saves.folder.rename(tmp_path / "elsewhere")
    assert await saves.looks() == 1
    (tmp_path / "elsewhere").rename(saves.folder)
    assert await saves.looks() == 2


async def test_files_that_are_still_being_saved_are_left_alone(saves: Saves) -> None:
    """An editor saves several files, or one in steps: what is half saved would not load."""
    await saves.looks()
    for step in range(4):
        lay_out(saves.folder, {"a.py": "x" * (step + 2)})
        assert await saves.looks(1) == 0
    assert await saves.looks() == 1


PROGRAM = """
import asyncio, os, signal, sys

from scheduler.node.reloading.hangups import Hangups

async def main():
    signal.signal(signal.SIGHUP, signal.SIG_IGN if "nohup" in sys.argv else signal.SIG_DFL)
    hangups = Hangups()
    with hangups.heeded():
        print("ready", flush=True)
        return await hangups.next_closes()

if "terminal" in sys.argv:
    os.open(sys.argv[1], os.O_RDWR)  # becomes the terminal of this session
print(asyncio.run(main()))
"""


@contextmanager
def waiting_for_hangup(*how: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A program that says whether the next SIGHUP closes its terminal; and its terminal."""
    screen, terminal = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, os.ttyname(terminal), *how],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as program:
        os.close(terminal)
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        yield program, screen
        assert program.wait() == 0


def said(program: subprocess.Popen[str]) -> str:
    assert program.stdout is not None
    return program.stdout.read().strip()


def test_a_terminal_that_is_closed_is_noticed() -> None:
    """Then nobody can stop the node any more, nor read what it says."""
    with waiting_for_hangup("terminal") as (program, screen):
        os.close(screen)
        assert said(program) == "True"


def test_a_node_that_nohup_started_outlives_its_terminal() -> None:
    """That is what `nohup` is for; all the same SIGHUP loads its handlers anew."""
    with waiting_for_hangup("terminal", "nohup") as (program, screen):
        os.close(screen)
        assert said(program) == "False"


@pytest.mark.parametrize("how", [["terminal"], []], ids=["a terminal", "none"])
def test_a_signal_from_elsewhere_closes_nothing(how: list[str]) -> None:
    """`kill -HUP` from another window, and what a service manager sends to reload."""
    with waiting_for_hangup(*how) as (program, screen):
        program.send_signal(signal.SIGHUP)
        assert said(program) == "False"
        os.close(screen)

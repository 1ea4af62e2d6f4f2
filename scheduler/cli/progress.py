"""Shows a watched job: a progress bar on a terminal, a line for each event elsewhere, or JSON."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Protocol

from rich.progress import BarColumn, ProgressColumn, Task, TaskID, TextColumn
from rich.progress import Progress as Bars
from rich.text import Text

from atlanscheduler_client import Changed, Event, JobState, Printed, Progress, Progressed
from scheduler.basics.visible import plain
from scheduler.cli import rendering
from scheduler.cli.options import JobName
from scheduler.cli.terminal import STYLES, console, print_json, print_log_line, print_rich


class Display(Protocol):
    """Shows what happens to a job."""

    def show(self, event: Event) -> None:
        """Show one event."""
        ...


@contextmanager
def display_for(name: JobName, *, as_json: bool) -> Iterator[Display]:
    """The display for this kind of output."""
    screen = console()
    if as_json:
        yield JsonLines()
    elif not screen.is_terminal:
        yield Lines()
    else:
        columns = (TextColumn("{task.description}"), _Status(), BarColumn(), _Count(), _Elapsed())
        with Bars(*columns, console=screen) as bars:
            yield LiveBar(bars, name)


class JsonLines:
    """A line of JSON for each event, as the API has it."""

    def show(self, event: Event) -> None:
        """Print it."""
        match event:
            case Changed(job):
                print_json({"event": "status", "data": job})
            case Progressed():
                print_json({"event": "progress", "data": event})
            case Printed():
                print_json({"event": "log", "data": event})


class Lines:
    """A line of text for each event."""

    def show(self, event: Event) -> None:
        """Print it."""
        match event:
            case Changed(job):
                print_rich(rendering.summary(job))
            case Progressed():
                print_rich(plain(f"{event.uid}/{event.id} {rendering.progress(event.progress)}"))
            case Printed():
                print_log_line(event)


class LiveBar:
    """A progress bar."""

    def __init__(self, bars: Bars, name: JobName) -> None:
        self._bars = bars
        self._bar: TaskID = bars.add_task(plain(str(name)), total=None, job=None, message="")

    def show(self, event: Event) -> None:
        """Update the bar; the lines that the job prints appear above it."""
        match event:
            case Changed(job):
                self._bars.update(self._bar, job=job)
                if job.progress:
                    self._move(job.progress)
                if job.final:
                    self._bars.print(rendering.summary(job))
            case Progressed():
                self._move(event.progress)
            case Printed():
                self._bars.print(Text(plain(event.text), style=STYLES.get(event.stream, "")))

    def _move(self, progress: Progress) -> None:
        self._bars.update(
            self._bar,
            completed=progress.done,
            total=progress.total,
            message=rendering.progress(progress),
        )


class _Status(ProgressColumn):
    """The job's status."""

    def render(self, task: Task) -> Text:
        job: JobState | None = task.fields["job"]
        return Text() if job is None else rendering.status(job)


class _Count(ProgressColumn):
    """The progress as numbers, and the handler's message."""

    def render(self, task: Task) -> Text:
        return Text(plain(task.fields["message"]))


class _Elapsed(ProgressColumn):
    """How long the job has been running, or ran."""

    def render(self, task: Task) -> Text:
        job: JobState | None = task.fields["job"]
        if job is None or job.started_at is None:
            return Text()
        return Text(rendering.duration((job.finished_at or datetime.now(UTC)) - job.started_at))

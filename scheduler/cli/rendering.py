"""Jobs, handlers and nodes as text. What users wrote is shown as text, never read as markup."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from rich.table import Table
from rich.text import Text

from atlanscheduler_client import (
    Abort,
    Aborts,
    Attempt,
    AuditRecord,
    CleanupState,
    Failure,
    Group,
    Job,
    JobState,
    Node,
    Occurrence,
    OnAbort,
    Pause,
    Preview,
    Progress,
    Schedule,
    Status,
    Task,
    Token,
    Usage,
    Waits,
)
from scheduler.basics.counted import counted
from scheduler.basics.visible import plain
from scheduler.core.json_values.encoding import encode

COLOURS: Final[Mapping[Status, str]] = {
    Status.QUEUED: "yellow",
    Status.RUNNING: "cyan",
    Status.SUCCESSFUL: "green",
    Status.TERMINATED: "red",
    Status.ABORTED: "magenta",
}

FOR_OTHERS: Final = {
    "quota": "another job of its user to end",
    "limit": "another job of its handler to end",
    "no_node": "a node that knows its handler and has the labels that it needs",
    "overlap": "the earlier jobs of its schedule to be over",
    "replace": "the job that it replaces to be over",
    "unique": "the job that it replaces to be over",
}
"""What is waited for that no time ends, by the reason."""
UNTIL: Final = {"run_at": "", "retry": "its next attempt, "}
"""What is waited for until a time, by the reason; a time alone needs no word."""
NAMED_MAX: Final = 3
"""How many of the jobs that one waits for are named."""
AT_TRY: Final = {2: "the second try", 3: "the third try", 4: "the fourth try", 5: "the fifth try"}


def jobs(found: Sequence[Job]) -> Table:
    """A table with a row for each job."""
    now = datetime.now(UTC)
    return _table(
        ("job", "status", "task", "progress", "age"),
        (
            (
                f"{job.uid}/{job.id}",
                status(job),
                job.task,
                progress(job.progress),
                duration(now - job.created_at),
            )
            for job in found
        ),
    )


def waiting(found: Sequence[Job]) -> Table:
    """A table with a row for each queued job: what it waits for, and for how long it has."""
    now = datetime.now(UTC)
    return _table(
        ("job", "task", "priority", "waits for", "age"),
        (
            (
                f"{job.uid}/{job.id}",
                job.task,
                f"{job.priority:+}" if job.priority else "",
                waits(job),
                duration(now - job.created_at),
            )
            for job in found
        ),
    )


def waits(job: Job) -> str:
    """What a queued job waits for."""
    if job.waits is None:
        return "a worker"
    end = job.waits.until
    if job.waits.reason in UNTIL and end is not None:
        what = UNTIL[job.waits.reason]
        return f"{what}{_at(end)}, in {duration(end - datetime.now(UTC))}"
    if (pause := job.waits.pause) is not None:
        why = f": {pause.reason}" if pause.reason else ""
        return f"the end of a pause of {pause.kind} {pause.name}{_by(pause.by)}{until(end)}{why}"
    if job.waits.reason == "throttle":
        return f"its handler's throttle{f', {_at(end)} or later' if end else ''}"
    return _waits_for_others(job, job.waits)


def _waits_for_others(job: Job, what: Waits) -> str:
    """What a job waits for that no time ends."""
    if what.reason == "after":
        return f"the end of {_named(job)}"
    if what.missing:
        them = "it" if len(what.missing) == 1 else "them"
        return f"a node with {', '.join(what.missing)}: no live node has {them}"
    return FOR_OTHERS.get(what.reason, f"{what.reason}{until(what.until)}")


def _named(job: Job) -> str:
    """The jobs that a job comes after: by name, as long as they are few."""
    ids = [each.id for each in job.after]
    return counted(len(ids), "job") if len(ids) > NAMED_MAX else ", ".join(ids)


def pauses(found: Sequence[Pause]) -> Table:
    """A table with a row for each pause."""
    now = datetime.now(UTC)
    return _table(
        ("paused", "name", "since", "until", "by", "reason"),
        (
            (
                pause.kind,
                pause.name,
                f"{duration(now - pause.paused_at)} ago",
                _at(pause.until) or "resumed",
                pause.by or "",
                pause.reason or "",
            )
            for pause in found
        ),
    )


def schedules(found: Sequence[Schedule]) -> Table:
    """A table with a row for each schedule."""
    return _table(
        ("schedule", "when", "task", "next"),
        ((f"{each.uid}/{each.name}", _when(each), each.task, next_run(each)) for each in found),
    )


def schedule(found: Schedule) -> Table:
    """Everything about one schedule."""
    return _grid(
        {
            "schedule": f"{found.uid}/{found.name}",
            "when": _when(found),
            "from": _at(found.start_at),
            "until": _at(found.end_at),
            "task": found.task,
            "data": _json(found.data),
            "hook": found.hook,
            "overlap": found.overlap,
            "misfire": f"{found.misfire}, for {duration(timedelta(seconds=found.catchup_s))}",
            "jitter": _seconds(found.jitter_s) if found.jitter_s else None,
            "priority": f"{found.priority:+} s" if found.priority else None,
            "at most": counted(found.max_attempts, "attempt") if found.max_attempts else None,
            "pauses": f"after {counted(found.pause_after_failures, 'failure')} in a row"
            if found.pause_after_failures
            else None,
            "ends": f"after {counted(found.remaining, 'further job')}" if found.remaining else None,
            "note": found.note,
            "set by": found.set_by,
            "next": "\n".join(f"{_at(each)}" for each in found.next) or next_run(found),
            "last": "\n".join(_occurrence(each, found.uid) for each in found.recent),
        }
    )


def next_run(found: Schedule) -> str:
    """When a schedule makes its next job."""
    if found.paused:
        return "paused"
    return f"{_at(found.next[0])}" if found.next else "no more: it has ended"


def preview(found: Preview) -> Table:
    """The next times of a schedule, on the clocks of its zone and in UTC."""
    times = zip(found.local, found.next, strict=True)
    return _grid(
        {
            "means": found.explained,
            "next": "\n".join(f"{local.isoformat()}  {_at(at)}" for local, at in times) or "none",
            "note": "\n".join(found.notes),
            "zone": f"{found.timezone}, by the rules of {found.tzdata}",
        }
    )


def _when(found: Schedule) -> str:
    if found.cron is None:
        shifted = f", {duration(timedelta(seconds=found.phase_s))} later" if found.phase_s else ""
        return f"every {duration(timedelta(seconds=found.every_s or 0))}{shifted}"
    return f"{found.cron} {found.timezone}"


def _occurrence(each: Occurrence, uid: str) -> str:
    if each.skipped is None:
        return f"{_at(each.scheduled_for)}  {each.status or 'deleted'}  {uid}/{each.job}"
    several = f", {each.count} of them" if each.count > 1 else ""
    return f"{_at(each.scheduled_for)}  skipped: {each.skipped}{several}"


def until(at: datetime | None) -> str:
    """When a pause ends, behind what is said of it."""
    return f" until {_at(at)}" if at else ""


def tasks(found: Sequence[Task]) -> Table:
    """A table with a row for each handler."""
    return _table(
        ("task", "time limit", "grace", "on abort", "attempts", "needs", "limits", "does"),
        (
            (
                task.name,
                _seconds(task.timeout_s),
                _seconds(task.grace_s),
                "undone" if task.on_abort else "",
                f"up to {task.retry.max_attempts}" if task.retry else "",
                ", ".join(task.needs),
                _limits(task),
                task.doc or "",
            )
            for task in found
        ),
    )


def _limits(task: Task) -> str:
    """How many jobs of a handler run at once, and begin within a time."""
    found = [f"{each.jobs_max} at once by {', '.join(each.by)}" for each in task.limit]
    if (throttle := task.throttle) is not None:
        by = ", ".join(throttle.by)
        found.append(f"{throttle.jobs_max} in {throttle.per_s:g} s by {by}")
    return "; ".join(found)


def nodes(found: Sequence[Node]) -> Table:
    """A table with a row for each node."""
    now = datetime.now(UTC)
    return _table(
        ("node", "running", "workers", "labels", "version", "up", "paused"),
        (
            (
                node.name,
                str(node.running),
                str(node.workers),
                _labels(node),
                node.version,
                duration(now - node.started_at),
                "" if node.paused is None else _paused(node.paused),
            )
            for node in found
        ),
    )


def _labels(node: Node) -> str:
    """What jobs may need there, and which it only takes."""
    only = f" (only for {', '.join(node.only)})" if node.only else ""
    return f"{', '.join(node.labels)}{only}"


def tokens(found: Sequence[Token]) -> Table:
    """A table with a row for each token."""
    now = datetime.now(UTC)
    return _table(
        ("id", "name", "role", "users", "last used", "state"),
        (
            (
                token.id,
                token.name,
                token.role,
                ", ".join(token.uids),
                "never" if token.used_at is None else f"{duration(now - token.used_at)} ago",
                _force(token, now),
            )
            for token in found
        ),
    )


def audit(found: Sequence[AuditRecord]) -> Table:
    """A table with a row for each record."""
    return _table(
        ("time", "who", "action", "about", "count", "from", "detail"),
        (
            (
                _at(record.at) or "",
                record.actor or "",
                record.action,
                "/".join(filter(None, (record.uid, record.target))),
                str(record.count),
                record.client or "",
                ", ".join(f"{name} {_plainly(each)}" for name, each in record.detail.items()),
            )
            for record in found
        ),
    )


def _plainly(value: object) -> str:
    """A value of a record's detail: a text as it is, anything else as JSON."""
    if isinstance(value, list):
        return " ".join(map(str, value))
    return value if isinstance(value, str) else _json(value)


def _paused(pause: Pause) -> str:
    since = duration(datetime.now(UTC) - pause.paused_at)
    why = f": {pause.reason}" if pause.reason else ""
    return f"for {since}{_by(pause.by)}{until(pause.until)}{why}"


def _force(token: Token, now: datetime) -> str:
    """How long a token has force."""
    if token.revoked_at is not None:
        return f"revoked {duration(now - token.revoked_at)} ago"
    if token.expires_at is None:
        return "does not expire"
    left = token.expires_at - now
    return (
        f"expires in {duration(left)}" if left > timedelta() else f"expired {duration(-left)} ago"
    )


def job(found: Job) -> Table:
    """Everything about one job."""
    return _grid(_lines(found))


def group(found: Group) -> Table:
    """How far a group is."""
    jobs = f"{found.jobs}" if found.is_exact else f"at least {found.jobs}"
    counts = [f"{count} {status}" for status, count in found.counts.items() if count]
    return _grid(
        {
            "jobs": ", ".join([jobs, *counts]) if counts else "none",
            "ended": f"{found.ended} of {jobs}" if counts else None,
            "held": str(found.held) if found.held else None,
        }
    )


def usage(found: Usage) -> Table:
    """What a user uses, beside its limits."""
    limits = found.limits
    queued_max = None if limits is None else limits.queued_max
    submits_per_s = None if limits is None else limits.submits_per_s
    running_max = None if limits is None else limits.running_max
    schedules_max = None if limits is None else limits.schedules_max
    schedules = str(found.schedules) if found.schedules else None
    running = str(found.running)
    queued = f"{found.queued}" if found.queued_is_exact else f"at least {found.queued}"
    return _grid(
        {
            "queued": queued if queued_max is None else f"{queued} of at most {queued_max}",
            "running": running if running_max is None else f"{running} of at most {running_max}",
            "submits": None
            if submits_per_s is None
            else f"at most {submits_per_s:g} a second on each node",
            "schedules": schedules
            if schedules_max is None
            else f"{found.schedules} of at most {schedules_max}",
            "weight": None if found.weight == 1 else f"{found.weight:g}",
            "quota": "none" if found.pattern is None else f'[quotas."{found.pattern}"]',
        }
    )


def _grid(lines: Mapping[str, str | Text | None]) -> Table:
    """A line for each value that there is, behind its name."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column()
    grid.add_column(overflow="fold")  # a long value without a space would be cut
    for name, value in lines.items():
        if value:
            grid.add_row(Text(name, style="dim"), _text(value))
    return grid


def status(job: JobState) -> Text:
    """A job's status in its colour; `aborting` for a job that is being stopped."""
    stopping = job.abort is not None and not job.final
    return Text("aborting" if stopping else job.status, style=COLOURS[job.status])


def progress(made: Progress | None) -> str:
    """A job's progress."""
    if made is None:
        return ""
    count = f"{made.done:g}" if made.total is None else f"{made.done:g}/{made.total:g}"
    return f"{count} {made.message}" if made.message else count


def summary(job: JobState) -> Text:
    """A job's status in one line, with its error, the receipt of its abort, or its duration."""
    line = Text(f"{plain(job.uid)}/{job.id} ").append(status(job))
    if job.error is not None:
        kind = job.error.type or job.error.kind
        return line.append(plain(f": {kind}: {job.error.message}").replace("\n", " "))
    if job.abort is not None and job.abort.finished_at is not None:
        return line.append(plain(f": {receipt(job.abort)}").replace("\n", " "))
    if job.started_at is not None and job.finished_at is not None:
        return line.append(f" after {duration(job.finished_at - job.started_at)}")
    return line


def receipt(abort: Abort) -> str:
    """The proof of death as a sentence."""
    if abort.finished_at is None:
        return f"requested{_by(abort.by)}, and being done{_reason(abort)}"
    if not abort.processes:
        ended = "nothing ran"
    else:
        noun = "process" if abort.processes == 1 else "processes"
        ended = f"{abort.signal}, {abort.processes} {noun} ended, {abort.survivors} survived"
    after = f"{abort.latency_ms} ms after the request{_by(abort.by)}{_reason(abort)}"
    return ", ".join(filter(None, (ended, after, undone(abort))))


def undone(abort: Abort) -> str:
    """How far the clean-up is, in words; empty where there is nothing to undo."""
    run = abort.on_abort
    if abort.cleanup is None or run is None:
        return f"clean-up {abort.cleanup}" if abort.cleanup else ""
    if run.state is CleanupState.DONE:
        at = AT_TRY.get(run.tries, f"try {run.tries}")
        return f"undone at {at}" if run.tries > 1 else "undone"
    if run.state is CleanupState.FAILED or run.tries:
        why = f": {run.error.summary}" if run.error else ""
        return f"the clean-up {_failures(run)}{_next(run)}{why}"
    running = run.state is CleanupState.RUNNING
    return "the clean-up runs" if running else "the clean-up has not begun yet"


def _failures(run: OnAbort) -> str:
    of = f" of {run.tries_max}" if run.tries_max else ""
    times = f"{run.tries}{of} times" if of else counted(run.tries, "time")
    return f"failed {times}" if run.tries else "failed"


def _next(run: OnAbort) -> str:
    """What follows a try that failed."""
    match run.state:
        case CleanupState.FAILED:
            return " and is given up"
        case CleanupState.RUNNING:
            return " and runs again"
        case _ if run.next_try_at is not None:
            return f", next try not before {run.next_try_at:%H:%M:%S} UTC"
        case _:
            return ", next try waits for a free worker"


def attempt(made: Attempt) -> str:
    """An attempt in one line: where it was made, and what became of it."""
    where = f"{made.number} on {made.node}"
    if made.outcome is None:
        return f"{where} runs"
    if made.started_at is None or made.finished_at is None:
        return f"{where} {made.outcome}"
    after = duration(made.finished_at - made.started_at)
    why = f": {made.error.summary}".replace("\n", " ") if made.error else ""
    return f"{where} {made.outcome} after {after}{why}"


def aborts(made: Aborts) -> str:
    """How many of a user's jobs were aborted, and how many are being stopped."""
    stopping = (
        f"{counted(made.aborting, 'job')} {'is' if made.aborting == 1 else 'are'} being stopped"
    )
    if not made.aborting:
        return f"{counted(made.aborted, 'job')} aborted"
    return f"{counted(made.aborted, 'job')} aborted, {stopping}" if made.aborted else stopping


def duration(length: timedelta) -> str:
    """A duration, rounded for reading."""
    seconds = max(0.0, length.total_seconds())
    if seconds < 60:
        return f"{seconds:.1f}s"
    for unit, size in (("d", 86_400), ("h", 3_600)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds // 60:.0f}m{seconds % 60:02.0f}s"


def _lines(job: Job) -> Mapping[str, str | Text | None]:
    """The rows of `job`; None or an empty text for a row to leave out."""
    done = job.status is Status.SUCCESSFUL
    return {
        "job": f"{job.uid}/{job.id}",
        "status": status(job),
        "task": job.task,
        "data": _json(job.data),
        "hook": job.hook,
        "parent": f"{job.uid}/{job.parent}" if job.parent else None,
        "runs again": f"{job.uid}/{job.rerun_of}" if job.rerun_of else None,
        "schedule": _of_schedule(job),
        "progress": progress(job.progress),
        "result": _json(job.result) if done else None,
        "attempt": f"{job.attempt} on {job.node}" if job.attempt else None,
        "at most": counted(job.max_attempts, "attempt") if job.max_attempts else None,
        "attempts": "\n".join(map(attempt, job.attempts)) if _is_tried_again(job) else None,
        "submitted by": job.submitted_by,
        "group": job.group,
        "after": _after(job),
        "before": _before(job),
        "priority": f"{job.priority:+} s" if job.priority else None,
        "needs": ", ".join(job.needs),
        "unique key": job.unique.key if job.unique else None,
        "replaces": f"{job.uid}/{job.replaces}" if job.replaces else None,
        "replaced by": f"{job.uid}/{job.replaced_by}" if job.replaced_by else None,
        "waits for": waits(job) if job.status is Status.QUEUED else None,
        "run at": _at(job.run_at),
        "start within": duration(timedelta(seconds=job.start_within_s or 0))
        if job.start_within_s
        else None,
        "created": _at(job.created_at),
        "started": _at(job.started_at),
        "finished": _at(job.finished_at),
        "abort": receipt(job.abort) if job.abort else None,
        "error": _error(job.error) if job.error else None,
    }


def _after(job: Job) -> str | None:
    """The jobs that it comes after, and how they have to end."""
    if not job.after:
        return None
    names = "\n".join(
        f"{job.uid}/{each.id}{f' ({each.ref})' if each.ref else ''}"
        for each in job.after[:NAMED_MAX]
    )
    more = f"\nand {len(job.after) - NAMED_MAX} more" if len(job.after) > NAMED_MAX else ""
    return f"{job.after_if} of {names}{more}"


def _before(job: Job) -> str | None:
    """The jobs that come after it."""
    ids = job.successors or ()
    more = ["…"] if len(ids) > NAMED_MAX else []
    return "\n".join([*(f"{job.uid}/{each}" for each in ids[:NAMED_MAX]), *more]) or None


def _of_schedule(job: Job) -> str | None:
    """Which occurrence of which schedule a job is."""
    return f"{job.schedule}, for {_at(job.scheduled_for)}" if job.schedule else None


def _is_tried_again(job: Job) -> bool:
    """Whether its attempts say more than the other rows."""
    return len(job.attempts) > 1 or job.status is Status.QUEUED


def _by(name: str | None) -> str:
    """Who did it, if that is known."""
    return f" by {name}" if name else ""


def _error(error: Failure) -> str:
    first = f"{error.kind}: {error.type}: {error.message}" if error.type else error.message
    return f"{first}\n{error.traceback.rstrip()}" if error.traceback else first


def _table(heads: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for index, head in enumerate(heads):
        # Folded, or a long value without a space, such as an id, would be cut.
        table.add_column(head.upper(), no_wrap=index == 0, overflow="fold")
    for row in rows:
        table.add_row(*map(_text, row))
    return table


def _text(words: str | Text) -> Text:
    return words if isinstance(words, Text) else Text(plain(words))


def _json(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except (ValueError, RecursionError):  # deep, or with long integers
        return encode(value, bytes_max=sys.maxsize).decode()


def _at(instant: datetime | None) -> str | None:
    return f"{instant:%Y-%m-%d %H:%M:%S} UTC" if instant else None


def _reason(abort: Abort) -> str:
    return f" ({abort.reason})" if abort.reason else ""


def _seconds(limit: float | None) -> str:
    return "" if limit is None else f"{limit:g}s"

"""What a node needs of the kernel to end a job for sure, tried out at its start.

    sees      /proc shows all processes, those of other users too
    signals   a process is signalled by a descriptor (pidfd), never by a number that may be reused
    adopts    orphans come back to the process of their job (prctl(2), PR_SET_CHILD_SUBREAPER)
    threads   they wait for processes to die

Where one of these is missing, a process of a job would look dead, or would outlive it: a node then
refuses to start, since its receipts could be wrong.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from scheduler.core.errors import StartError
from scheduler.processes.child import containment

SYS_PTRACE: Final = 19
"""Number of the capability that shows processes of other users, whatever `hidepid` says."""
SHOWS_ALL: Final = (None, "0", "off")
"""Values of the mount option `hidepid` (proc(5)) with which all see all processes."""
TRACEABLE_ONLY: Final = ("4", "ptraceable")
"""With these, the option `gid` gives nobody a better view."""


def require_kernel(*, proc: Path = Path("/proc")) -> None:
    """Refuse a machine on which a process of a job could look dead, or could not be ended.

    Raises:
        StartError: see above; the message says what is missing.
    """
    _require_view(proc)
    for what, call in _NEEDED.items():
        _require_call(what, call)


def _require_view(proc: Path) -> None:
    """Refuse a /proc of other processes than ours, and one that hides some."""
    try:
        shown = (proc / "self").readlink().name
    except OSError as error:
        raise StartError(f"{proc} does not show this process: mount it ({error})") from error
    if shown != str(os.getpid()):
        raise StartError(
            f"{proc} belongs to another pid namespace: this process is {os.getpid()}, and {shown}"
            f" there, so a node could not find a job's processes; mount {proc} anew"
            " (unshare --mount-proc)"
        )
    options = mount_options((proc / "self" / "mountinfo").read_text("utf-8"), str(proc))
    if hides(options, status=(proc / "self" / "status").read_text("utf-8")):
        raise StartError(
            f"{proc} hides processes of other users (hidepid={options['hidepid']}), such as"
            " set-uid programs that a job starts, so an aborted job could be called dead while it"
            f" lives: mount {proc} with hidepid=0, or with gid=GROUP where this user is in GROUP;"
            " under systemd, set ProtectProc=default"
        )


def mount_options(mountinfo: str, path: str) -> Mapping[str, str]:
    """The options of the file system that is mounted last at this path (proc_pid_mountinfo(5))."""
    options = ""
    for line in mountinfo.splitlines():
        mount, _, source = line.partition(" - ")
        if mount.split()[4] == path:
            options = source.split()[2]
    pairs = (option.partition("=") for option in options.split(","))
    return {name: value for name, _, value in pairs}


def hides(options: Mapping[str, str], *, status: str) -> bool:
    """Whether a /proc with these options hides processes from a process with this status."""
    hidepid = options.get("hidepid")
    if hidepid in SHOWS_ALL:
        return False
    fields = dict(line.split(":", 1) for line in status.splitlines())
    if int(fields["CapEff"], 16) >> SYS_PTRACE & 1:
        return False
    groups = {*fields["Groups"].split(), fields["Gid"].split()[-1]}
    return hidepid in TRACEABLE_ONLY or options.get("gid", "0") not in groups


def _require_call(what: str, call: Callable[[], None]) -> None:
    try:
        call()
    except (OSError, RuntimeError, AttributeError) as error:
        raise StartError(
            f"this machine does not allow {what} ({error}), without which a node could not end all"
            " processes of a job for sure. A seccomp filter may forbid it, as Docker's does before"
            " version 20.10: allow it there, or use a newer one; with Docker,"
            " --security-opt seccomp=unconfined allows all"
        ) from error


def _signal_by_descriptor() -> None:
    pidfd = os.pidfd_open(os.getpid())
    try:
        signal.pidfd_send_signal(pidfd, 0)  # 0 only checks
    finally:
        os.close(pidfd)


def _signal_a_group() -> None:
    os.kill(os.getpid(), 0)


def _adopt_orphans() -> None:
    containment.adopt_orphans()
    containment.adopt_orphans(adopt=False)  # the node itself does not


def _start_a_thread() -> None:
    thread = threading.Thread(target=_signal_a_group)
    thread.start()
    thread.join()


_NEEDED: Final[Mapping[str, Callable[[], None]]] = {
    "to signal a process by a descriptor, pidfd_open and pidfd_send_signal": _signal_by_descriptor,
    "to signal a group of processes, kill": _signal_a_group,
    "to adopt orphans, prctl with PR_SET_CHILD_SUBREAPER": _adopt_orphans,
    "to start a thread, clone or clone3": _start_a_thread,
}

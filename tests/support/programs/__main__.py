"""Brings the programs that tests need: `python -m tests.support.programs`, run by `make test`.

It says nothing where all are there. Where Debian's packages can be installed, it installs those
that are missing, and keeps their services from starting, now and after a reboot. Otherwise it lets
Playwright download Chromium into `.venv`. What is still missing then, the tests do without.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.support.programs import table
from tests.support.programs.table import PROGRAMS, missing, required

POLICY: Final = Path("/usr/sbin/policy-rc.d")
"""Debian's packages ask it before they start or restart a service: see invoke-rc.d(8)."""
FORBIDDEN: Final = "#!/bin/sh\nexit 101\n"
SERVICES: Final = Path("/etc/init.d")
REASON: Final = re.compile(r"^(E: |Error: ).+", re.MULTILINE)
"""The line in which apt-get and Playwright say what went wrong."""
STEP_S: Final = 900.0


def bring() -> None:
    """Install what is missing, in the ways that this machine allows."""
    if missing() and os.geteuid() == 0 and shutil.which("apt-get"):
        with no_service_starts():
            _install(dict.fromkeys(PROGRAMS[name].package for name in missing()))
    if "chromium" in missing():
        _download_chromium()


@contextmanager
def no_service_starts() -> Iterator[None]:
    """Keep what is installed in the block from running as a service; others run on."""
    there = set(SERVICES.glob("*"))
    ours = not POLICY.exists()
    if ours:
        POLICY.write_text(FORBIDDEN)
        POLICY.chmod(0o755)
    try:
        yield
    finally:
        for service in set(SERVICES.glob("*")) - there:
            _run("update-rc.d", service.name, "disable")
        if ours:
            POLICY.unlink()


def _install(packages: dict[str, None]) -> None:
    _say(f"Installing Debian's packages for the tests: {', '.join(packages)} …")
    _run("apt-get", "--quiet=2", "update")
    for package in packages:  # one by one: a system may lack one of them
        _run(
            "apt-get",
            "--quiet=2",
            "--yes",
            "--no-install-recommends",
            "--no-remove",
            "install",
            package,
        )


def _download_chromium() -> None:
    _say("Downloading Chromium into .venv …")
    _run(sys.executable, "-m", "playwright", "install", "--no-shell", "chromium")


def _run(*command: str) -> None:
    """Run a step, and say in one line if it failed: the tests run without what it brings."""
    try:
        ended = subprocess.run(
            command,
            env={
                **os.environ,
                "DEBIAN_FRONTEND": "noninteractive",
                "PLAYWRIGHT_BROWSERS_PATH": str(table.BROWSERS),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=STEP_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        _say(str(error))
    else:
        if ended.returncode != 0:
            said = REASON.search(ended.stdout)
            reason = said[0] if said else f"exit status {ended.returncode}"
            _say(f"{' '.join(command)}: {reason}")


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    bring()
    if missing() and required():
        sys.exit(f"The tests need {', '.join(missing())}")

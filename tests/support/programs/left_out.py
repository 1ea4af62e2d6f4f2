"""The last line of a test run that left tests out: which, why, and what brings them in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.programs.table import PROGRAMS, missing


def pytest_unconfigure(config: pytest.Config) -> None:
    """Write the line behind all others, if there is something to say."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and (reports := reporter.getreports("skipped")):
        reporter.write_line(_line(reports))


def _line(reports: list[pytest.TestReport]) -> str:
    by_reason: dict[str, list[Path]] = defaultdict(list)
    for report in reports:
        assert isinstance(report.longrepr, tuple)
        by_reason[report.longrepr[2].removeprefix("Skipped: ")].append(Path(report.location[0]))
    groups = "; ".join(f"{_where(files)}: {reason}" for reason, files in sorted(by_reason.items()))
    return f"Left out: {groups}.{''.join(_mend(by_reason))}"


def _where(files: list[Path]) -> str:
    """How many tests, and of which folders."""
    folders = ", ".join(sorted({str(file.parent) for file in files}))
    return f"{len(files)} in {folders}"


def _mend(reasons: dict[str, list[Path]]) -> Iterator[str]:
    packages = sorted({PROGRAMS[name].package for name in missing() if f"needs {name}" in reasons})
    if packages:
        yield f" On Debian, root brings them in with: apt-get install {' '.join(packages)}"

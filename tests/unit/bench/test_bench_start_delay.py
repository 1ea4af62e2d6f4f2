"""A job of a peer reports how long it waited for its start."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from bench.jobs.start_delay import SOCKET, receive_delay_s, receiving, report_delay


def test_a_job_reports_how_long_ago_it_was_submitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To a socket that one peer after another can open."""
    monkeypatch.setenv(SOCKET, str(tmp_path / "s"))
    for ago_s in (1, 1000):
        with receiving() as receiver:
            report_delay(time.monotonic() - ago_s)
            assert ago_s <= receive_delay_s(receiver) < ago_s * 100

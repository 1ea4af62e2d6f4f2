"""The statements in PostgreSQL's log are counted by their names in our store."""

from __future__ import annotations

from pathlib import Path

from bench.ours.idle_activity import OTHER, executed

LOG = """\
@LOG:  execute __asyncpg_stmt_b__: \n\tSELECT * FROM nodes ORDER BY name, id
@LOG:  execute __asyncpg_stmt_b__: \n\tSELECT * FROM nodes ORDER BY name, id
@DETAIL:  Parameters: $1 = 'execute x: SELECT 1'
@LOG:  statement: BEGIN;
@LOG:  execute <unnamed>: SELECT 1
"""


def test_each_execution_counts_once_and_nothing_else_does(tmp_path: Path) -> None:
    """A statement is known by its text, however the log breaks its lines."""
    log = tmp_path / "log"
    log.write_text(LOG)
    assert executed(log) == {"nodes": 2, OTHER: 1}

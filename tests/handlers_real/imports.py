"""Imports rows into SQLite, in one transaction."""

from __future__ import annotations

import csv
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from scheduler import JobContext, handler

from .hold import hold


@handler("import_sales")
def import_sales(data: Any, job: JobContext) -> Any:
    """Replace a table by the rows of a CSV: {"csv": path, "db": path}."""
    with closing(sqlite3.connect(data["db"], timeout=5)) as database, database:
        database.execute("CREATE TABLE IF NOT EXISTS sales (region TEXT, amount INTEGER)")
        database.execute("DELETE FROM sales")
        with Path(data["csv"]).open(newline="") as file:
            for number, row in enumerate(csv.DictReader(file), start=1):
                database.execute("INSERT INTO sales VALUES (:region, :amount)", row)
                if number % 1000 == 0:
                    job.progress(number)
                    hold(data.get("hold"))
        return database.execute("SELECT count(*), sum(amount) FROM sales").fetchone()

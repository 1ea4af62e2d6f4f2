"""What a team would build on Celery to accept jobs over HTTP: FastAPI, a row in SQLite, a broker.

The row is committed before the response, as durably as ours, so that the job can be read. Runs in a
virtual environment of its own: `uvicorn bench.peers.celery_front_end:app`.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from typing import Any
from uuid import uuid4

from celery import Celery
from fastapi import FastAPI
from pydantic import BaseModel

TABLE = """
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY, uid TEXT NOT NULL, task TEXT NOT NULL, data TEXT NOT NULL,
    status TEXT NOT NULL, created_at REAL NOT NULL
)
"""


class NewJob(BaseModel):
    """What a job is submitted with."""

    uid: str
    task: str
    data: Any = None


app = FastAPI()
celery = Celery("bench", broker=os.environ["BENCH_REDIS"])
celery.conf.update(task_ignore_result=True, task_default_queue="bench-frontend")
database = sqlite3.connect(os.environ["BENCH_DATABASE"], isolation_level=None, timeout=30)
database.execute("PRAGMA journal_mode = WAL")
database.execute("PRAGMA synchronous = FULL")
database.execute(TABLE)


@app.post("/", status_code=202)
async def submit(new: NewJob) -> dict[str, Any]:
    """Store a job, and put it into Celery's queue.

    Both block the event loop; in threads, as without `async`, it was slower by a quarter.
    """
    job = {"id": str(uuid4()), **new.model_dump(), "status": "queued", "created_at": time.time()}
    database.execute(
        "INSERT INTO jobs VALUES (:id, :uid, :task, :data, :status, :created_at)",
        {**job, "data": json.dumps(job["data"])},
    )
    celery.send_task(new.task, (new.data,), task_id=job["id"])
    return job

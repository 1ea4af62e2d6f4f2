-- Keys that only one job of a user and a task has at a time, and jobs that wait for another one's end.

-- Of a job that another one has replaced, `replaced_by` is the id of that one, which has the key since.
-- `replaces` is the job that was not over when it was stored: `held` is 'unique' until none of its key is.
ALTER TABLE jobs ADD COLUMN unique_key text;
ALTER TABLE jobs ADD COLUMN on_conflict text
    CHECK (on_conflict IN ('existing', 'reject', 'replace'));
ALTER TABLE jobs ADD COLUMN replaced_by text
    COLLATE "C" -- PostgreSQL only
;
ALTER TABLE jobs ADD COLUMN replaces text
    COLLATE "C" -- PostgreSQL only
;

-- A key is held until its job is over: ended, and undone. Those that were replaced stand beside it.
CREATE UNIQUE INDEX jobs_unique ON jobs (uid, task, unique_key, coalesce(replaced_by, ''))
    WHERE unique_key IS NOT NULL
      AND (status IN ('queued', 'running') OR cleanup = 'pending' OR cleanup_due_at IS NOT NULL);
CREATE INDEX jobs_replacing ON jobs (id, uid, task, unique_key)
    WHERE held = 'unique' AND status = 'queued';

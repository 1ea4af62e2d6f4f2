-- Jobs that wait for other jobs, and groups of jobs.

-- `predecessors` is a JSON array of [id, ref]: what a job comes after, whether it waits for them or
-- not. `awaited` is set on a job that others wait for: `open` until all edges from it are closed.
ALTER TABLE jobs ADD COLUMN predecessors text;
ALTER TABLE jobs ADD COLUMN after_if text CHECK (after_if IN ('success', 'end'));
ALTER TABLE jobs ADD COLUMN awaited text CHECK (awaited IN ('open', 'closed'));
ALTER TABLE jobs ADD COLUMN group_name text
    COLLATE "C" -- PostgreSQL only
;

-- An edge leads from a job to one that waits for it. It is closed once, when its parent is over; it
-- stays as long as both jobs do, so that a predecessor is kept until those after it have ended.
CREATE TABLE edges (
    parent text
        COLLATE "C" -- PostgreSQL only
        NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    child text
        COLLATE "C" -- PostgreSQL only
        NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    is_open boolean NOT NULL DEFAULT true,
    PRIMARY KEY (parent, child)
);
CREATE INDEX edges_open ON edges (parent, child) WHERE is_open;
CREATE INDEX edges_to ON edges (child, is_open);

-- The jobs that are over and from which edges are open: the work of the promoter. Few at any time,
-- however many jobs there are.
CREATE INDEX jobs_awaited_over ON jobs (finished_at)
    WHERE awaited = 'open' AND finished_at IS NOT NULL
          AND (cleanup IS NULL OR cleanup <> 'pending') AND cleanup_due_at IS NULL;

-- Pages and counts of a group, as jobs_of_parent has them.
CREATE INDEX jobs_of_group ON jobs (group_name, uid, status, id, task, bytes, held)
    WHERE group_name IS NOT NULL;

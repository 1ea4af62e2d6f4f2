-- Pauses: of what they cover, nothing is claimed; claim.sql and insert.sql look for them.

-- `until` is when it ends by itself. `resumed_at` is set where it was ended: the row then stays until
-- all jobs are let go that it holds.
CREATE TABLE pauses (
    kind text NOT NULL CHECK (kind IN ('task', 'uid', 'node')),
    name text
        COLLATE "C" -- PostgreSQL only
        NOT NULL,
    reason text,
    until bigint,
    paused_at bigint NOT NULL,
    paused_by text,
    resumed_at bigint,
    PRIMARY KEY (kind, name)
);

-- The jobs that are held because of one, in the order in which they are let go.
CREATE INDEX jobs_paused_of_task ON jobs (task, turn_at, id, uid)
    WHERE status = 'queued' AND held = 'paused';
CREATE INDEX jobs_paused_of_user ON jobs (uid, turn_at, id, task)
    WHERE status = 'queued' AND held = 'paused';

-- The clean-ups that wait: a node that is paused takes nothing else.
CREATE INDEX jobs_cleanup_waiting ON jobs (turn_at, id, uid)
    WHERE cleanup = 'pending' AND owner IS NULL;

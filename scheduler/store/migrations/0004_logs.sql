-- What jobs print: for each a number of slots, so that no log outgrows them (scheduler/core/job_log.py).
CREATE TABLE logs (
    job_id text
        COLLATE "C" -- PostgreSQL only
        NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    slot integer NOT NULL CHECK (slot >= 0 AND slot < 16),
    page bigint NOT NULL CHECK (page >= slot),
    place bigint NOT NULL CHECK (place >= 0),
    bytes integer NOT NULL CHECK (bytes > 0),
    blocks text NOT NULL,
    PRIMARY KEY (job_id, slot)
);

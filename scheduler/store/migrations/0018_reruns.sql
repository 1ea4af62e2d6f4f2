-- Jobs that run other jobs again: which one, and the key of the request that ran several again.

ALTER TABLE jobs ADD COLUMN rerun_of text
    COLLATE "C" -- PostgreSQL only
;
ALTER TABLE jobs ADD COLUMN rerun_request text;

CREATE INDEX jobs_rerun ON jobs (rerun_of, id) WHERE rerun_of IS NOT NULL;
CREATE INDEX jobs_of_rerun_request ON jobs (rerun_request, rerun_of)
    WHERE rerun_request IS NOT NULL;

-- What nodes are labelled with, and which labels a job needs of the node that runs it.

-- All of these are labels with commas between: none, or in their order. `only_for` are those of which
-- a job needs one to run on the node; where there are none, it takes all.
ALTER TABLE nodes ADD COLUMN labels text NOT NULL DEFAULT '';
ALTER TABLE nodes ADD COLUMN only_for text NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN needs text
    COLLATE "C" -- PostgreSQL only
    CHECK (needs <> '');

-- Since when no live node knows its handler: since the first node that took it, and did not.
ALTER TABLE jobs ADD COLUMN unknown_since bigint;

-- In place of the old column, so that nodes of an earlier version begin no job that needs a label: one
-- of these that waits for a worker has its needs in `lane` instead.
DROP INDEX jobs_waiting;
ALTER TABLE jobs DROP COLUMN waiting;
ALTER TABLE jobs ADD COLUMN waiting boolean NOT NULL GENERATED ALWAYS AS (
    needs IS NULL
    AND ((status = 'queued' AND held IS NULL)
         OR (cleanup IS NOT NULL AND cleanup = 'pending' AND owner IS NULL))
)
    STORED -- PostgreSQL only
    VIRTUAL -- SQLite only
;
ALTER TABLE jobs ADD COLUMN lane text
    COLLATE "C" -- PostgreSQL only
    GENERATED ALWAYS AS (
    CASE WHEN (status = 'queued' AND held IS NULL)
              OR (cleanup IS NOT NULL AND cleanup = 'pending' AND owner IS NULL) THEN needs END
)
    STORED -- PostgreSQL only
    VIRTUAL -- SQLite only
;

CREATE INDEX jobs_waiting ON jobs (uid, turn_at, id, status, eligible_at) WHERE waiting;
CREATE INDEX jobs_in_lanes ON jobs (lane, uid, turn_at, id, status, eligible_at)
    WHERE lane IS NOT NULL;

-- The tries of clean-ups. A clean-up that waits for the time of its next try is stored as failed, with
-- that time: so a node of an earlier version, which knows no time, leaves it alone.

ALTER TABLE jobs ADD COLUMN cleanup_tries integer NOT NULL DEFAULT 0 CHECK (cleanup_tries >= 0);
ALTER TABLE jobs ADD COLUMN cleanup_tries_max integer CHECK (cleanup_tries_max > 0);
ALTER TABLE jobs ADD COLUMN cleanup_error text;
ALTER TABLE jobs ADD COLUMN cleanup_due_at bigint
    CONSTRAINT only_what_failed_is_tried_again
        CHECK (cleanup_due_at IS NULL OR (cleanup IS NOT NULL AND cleanup = 'failed'));

CREATE INDEX jobs_cleanup_due ON jobs (cleanup_due_at) WHERE cleanup_due_at IS NOT NULL;

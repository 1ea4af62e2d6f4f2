-- What queued jobs need, also those that are held: there is room for so many different needs.

CREATE INDEX jobs_needing ON jobs (needs) WHERE needs IS NOT NULL AND status = 'queued';

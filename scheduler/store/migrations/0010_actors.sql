-- Who submitted a job, and who asked for its abort: the name of a token, or of a user of a proxy.

ALTER TABLE jobs ADD COLUMN submitted_by text;
ALTER TABLE jobs ADD COLUMN abort_by text;

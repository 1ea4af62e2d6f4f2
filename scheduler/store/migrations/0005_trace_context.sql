-- The trace that a job was submitted in, as the W3C's traceparent.

ALTER TABLE jobs ADD COLUMN traceparent text;

-- Replace a schedule, if it is still of the revision that was read.
-- $1 schedule (JSON object of one row, see arguments.schedule)
-- $2 uid
-- $3 name
-- $4 revision
WITH given AS (SELECT value AS it FROM json_each($1))
UPDATE schedules
   SET task = (SELECT it ->> 'task' FROM given),
       hook = (SELECT it ->> 'hook' FROM given),
       cron = (SELECT it ->> 'cron' FROM given),
       every_s = (SELECT CAST(it ->> 'every_s' AS bigint) FROM given),
       phase_s = (SELECT CAST(it ->> 'phase_s' AS bigint) FROM given),
       pause_after_failures = (SELECT CAST(it ->> 'pause_after_failures' AS integer) FROM given),
       remaining = (SELECT CAST(it ->> 'remaining' AS integer) FROM given),
       timezone = (SELECT it ->> 'timezone' FROM given),
       start_at = (SELECT CAST(it ->> 'start_at' AS bigint) FROM given),
       end_at = (SELECT CAST(it ->> 'end_at' AS bigint) FROM given),
       jitter_s = (SELECT CAST(it ->> 'jitter_s' AS double precision) FROM given),
       misfire = (SELECT it ->> 'misfire' FROM given),
       catchup_s = (SELECT CAST(it ->> 'catchup_s' AS double precision) FROM given),
       overlap = (SELECT it ->> 'overlap' FROM given),
       paused = (SELECT CAST(it ->> 'paused' AS boolean) FROM given),
       note = (SELECT it ->> 'note' FROM given),
       priority = (SELECT CAST(it ->> 'priority' AS integer) FROM given),
       max_attempts = (SELECT CAST(it ->> 'max_attempts' AS integer) FROM given),
       undoable = (SELECT CAST(it ->> 'undoable' AS boolean) FROM given),
       needs = (SELECT it ->> 'needs' FROM given),
       set_by = (SELECT it ->> 'set_by' FROM given),
       token_id = (SELECT it ->> 'token_id' FROM given),
       changed_at = (SELECT CAST(it ->> 'changed_at' AS bigint) FROM given),
       cursor_at = (SELECT CAST(it ->> 'cursor_at' AS bigint) FROM given),
       next_at = (SELECT CAST(it ->> 'next_at' AS bigint) FROM given),
       data = (SELECT it ->> 'data' FROM given),
       revision = revision + 1
 WHERE uid = $2
   AND name = $3
   AND revision = $4
RETURNING *

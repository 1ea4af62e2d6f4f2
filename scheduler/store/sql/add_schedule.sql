-- Store a schedule, unless its user has one of that name.
-- $1 schedule (JSON object of one row, see arguments.schedule)
INSERT INTO schedules (uid, name, id, task, hook, cron, every_s, phase_s, pause_after_failures, remaining,
                       timezone, start_at, end_at, jitter_s, misfire, catchup_s, overlap, paused, note, priority,
                       max_attempts, undoable, needs, set_by, token_id, created_at, changed_at, cursor_at,
                       next_at, revision, data)
SELECT value ->> 'uid',
       value ->> 'name',
       value ->> 'id',
       value ->> 'task',
       value ->> 'hook',
       value ->> 'cron',
       CAST(value ->> 'every_s' AS bigint),
       CAST(value ->> 'phase_s' AS bigint),
       CAST(value ->> 'pause_after_failures' AS integer),
       CAST(value ->> 'remaining' AS integer),
       value ->> 'timezone',
       CAST(value ->> 'start_at' AS bigint),
       CAST(value ->> 'end_at' AS bigint),
       CAST(value ->> 'jitter_s' AS double precision),
       value ->> 'misfire',
       CAST(value ->> 'catchup_s' AS double precision),
       value ->> 'overlap',
       CAST(value ->> 'paused' AS boolean),
       value ->> 'note',
       CAST(value ->> 'priority' AS integer),
       CAST(value ->> 'max_attempts' AS integer),
       CAST(value ->> 'undoable' AS boolean),
       value ->> 'needs',
       value ->> 'set_by',
       value ->> 'token_id',
       CAST(value ->> 'created_at' AS bigint),
       CAST(value ->> 'changed_at' AS bigint),
       CAST(value ->> 'cursor_at' AS bigint),
       CAST(value ->> 'next_at' AS bigint),
       1,
       value ->> 'data'
  FROM json_each($1)
 WHERE true
ON CONFLICT (uid, name) DO NOTHING
RETURNING *

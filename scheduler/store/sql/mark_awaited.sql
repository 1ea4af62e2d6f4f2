-- Note that new jobs wait for others, if all of these are there, each of the right user.
-- $1 predecessors (JSON object of rows: id, uid)
WITH wanted AS (
    SELECT value ->> 'id' AS id, value ->> 'uid' AS uid FROM json_each($1)
), found AS (
    -- The lock makes a settlement wait, or us: so whichever is first, the end of the job is seen. In
    -- the order of ids, as all locks of jobs.
    SELECT jobs.id
      FROM wanted
      JOIN jobs ON jobs.id = wanted.id AND jobs.uid = wanted.uid
     ORDER BY jobs.id FOR UPDATE OF jobs -- PostgreSQL only
)
UPDATE jobs
   SET awaited = 'open'
 WHERE id IN (SELECT id FROM found)
   AND (SELECT count(*) FROM found) = (SELECT count(*) FROM wanted)
RETURNING id

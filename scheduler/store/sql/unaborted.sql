-- Ids of a user's job and of what is below it that an abort would abort, mark or hasten.
-- $1 job_id
-- $2 uid
-- $3 grace_s (NULL: the handler's or the node's)
-- $4 limit
WITH RECURSIVE below AS (
    SELECT id, status FROM jobs WHERE id = $1 AND uid = $2
     UNION
    SELECT jobs.id, jobs.status
      FROM below
      JOIN jobs ON jobs.parent = below.id AND jobs.uid = $2
)
SELECT id
  FROM below
 WHERE status IN ('queued', 'running')
   AND (SELECT abort_requested_at IS NULL OR $3 < coalesce(abort_grace_s, 1e300) -- see request_abort
          FROM jobs
         WHERE jobs.id = below.id)
 LIMIT $4

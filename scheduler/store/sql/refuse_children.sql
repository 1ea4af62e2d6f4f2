-- Refuse further children of a user's job and of what is below it, as far as they accept any.
-- $1 job_id
-- $2 uid
-- $3 limit
WITH RECURSIVE below AS (
    SELECT id, children_refused FROM jobs WHERE id = $1 AND uid = $2
     UNION -- not UNION ALL: ids in a circle, which a user may state, would go round for ever
    SELECT jobs.id, jobs.children_refused
      FROM below
      JOIN jobs ON jobs.parent = below.id AND jobs.uid = $2
), accepting AS (
    SELECT id
      FROM jobs
     WHERE id IN (SELECT id FROM below WHERE NOT children_refused LIMIT $3)
     ORDER BY id FOR UPDATE -- PostgreSQL only
)
UPDATE jobs SET children_refused = true WHERE id IN (SELECT id FROM accepting) RETURNING id

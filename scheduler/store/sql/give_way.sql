-- Have some jobs that were let go, and those like them, count for no limiter that holds others.
-- $1 job_ids (the keys of a JSON object)
-- $2 limit (of those like them)
WITH given AS (
    SELECT id, limiter, uid, coalesce(needs, '') AS needs
      FROM jobs
     WHERE id IN (SELECT key FROM json_each($1))
       AND limiter IS NOT NULL
       AND status = 'queued'
       AND held IS NULL
), hindering AS (
    SELECT limiter, uid, needs
      FROM (SELECT DISTINCT limiter, uid, needs FROM given) AS kinds
     WHERE EXISTS (SELECT 1
                     FROM jobs AS other
                          INDEXED BY jobs_parked -- SQLite only
                    WHERE other.status = 'queued'
                      AND (other.held = 'limit' OR other.held = 'throttle')
                      AND other.limiter = kinds.limiter
                      AND (other.uid <> kinds.uid OR coalesce(other.needs, '') <> kinds.needs))
), alike AS (
    -- Else the next of them would be let go, and each one after it.
    SELECT jobs.id
      FROM hindering
      JOIN jobs
           INDEXED BY jobs_parked -- SQLite only
           ON jobs.limiter = hindering.limiter
     WHERE jobs.status = 'queued'
       AND (jobs.held = 'limit' OR jobs.held = 'throttle')
       AND jobs.uid = hindering.uid
       AND coalesce(jobs.needs, '') = hindering.needs
     ORDER BY jobs.turn_at, jobs.id
     LIMIT $2
), met AS (
    SELECT jobs.id
      FROM jobs
     WHERE jobs.id IN (SELECT given.id
                         FROM given
                         JOIN hindering ON hindering.limiter = given.limiter
                                       AND hindering.uid = given.uid
                                       AND hindering.needs = given.needs
                        UNION
                       SELECT id FROM alike)
       AND jobs.status = 'queued'
       AND (jobs.held IS NULL OR jobs.held = 'limit' OR jobs.held = 'throttle')
     ORDER BY jobs.id FOR UPDATE OF jobs SKIP LOCKED -- PostgreSQL only
)
UPDATE jobs
   SET held = NULL,
       limiter = NULL,
       limiter_opens_at = NULL,
       revision = revision + 1
 WHERE id IN (SELECT id FROM met)
RETURNING id, uid, turn_at, needs

-- Let those held jobs wait for a worker whose time came longest ago.
-- $1 limit
WITH clock AS (SELECT now_ms() AS now), due AS (
    SELECT id
      FROM jobs
           INDEXED BY jobs_held -- SQLite only
     WHERE held IS NOT NULL
       AND status = 'queued'
       AND due_at <= (SELECT now FROM clock)
     ORDER BY due_at
     LIMIT $1
       FOR UPDATE SKIP LOCKED -- PostgreSQL only
)
-- Eligible since it was due, however late this comes: so it neither loses its turn nor its deadline.
-- One that no node could take has been so all the time.
UPDATE jobs
   SET held = NULL,
       due_at = NULL,
       eligible_at = CASE held WHEN 'no_node' THEN eligible_at ELSE due_at END,
       turn_at = CASE held WHEN 'no_node' THEN turn_at ELSE due_at - 1000 * priority END,
       expires_at = CASE held WHEN 'no_node' THEN expires_at
                              ELSE due_at + CAST(1000 * start_within_s AS bigint) END,
       revision = revision + 1
 WHERE id IN (SELECT id FROM due)
RETURNING id, uid, turn_at, needs

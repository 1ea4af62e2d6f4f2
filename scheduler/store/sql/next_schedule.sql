-- In how many milliseconds the next schedule is due, and whether jobs wait for others of theirs.
SELECT (SELECT next_at
          FROM schedules
         WHERE next_at IS NOT NULL
         ORDER BY next_at
         LIMIT 1) - now_ms() AS due_ms,
       EXISTS (SELECT 1
                 FROM jobs
                      INDEXED BY jobs_overlapping -- SQLite only
                WHERE held IN ('overlap', 'replace')
                  AND status = 'queued') AS overlapping

-- What queued jobs need, also held ones: the first of all, and those of some needs that there are.
-- $1 limit
-- $2 some (JSON object, its keys)
WITH RECURSIVE found (needs, number) AS (
    SELECT min(needs), 1
      FROM jobs
           INDEXED BY jobs_needing -- SQLite only
     WHERE needs IS NOT NULL
       AND status = 'queued'
    UNION ALL
    -- The next one is found by the index, however many jobs this one has.
    SELECT (SELECT min(jobs.needs)
              FROM jobs
                   INDEXED BY jobs_needing -- SQLite only
             WHERE jobs.needs > found.needs
               AND jobs.status = 'queued'),
           found.number + 1
      FROM found
     WHERE found.needs IS NOT NULL
       AND found.number < $1
)
SELECT needs FROM found WHERE needs IS NOT NULL
 UNION
SELECT key
  FROM json_each($2)
 WHERE (SELECT jobs.needs
          FROM jobs
               INDEXED BY jobs_needing -- SQLite only
         WHERE jobs.needs = key
           AND jobs.status = 'queued'
         LIMIT 1) IS NOT NULL

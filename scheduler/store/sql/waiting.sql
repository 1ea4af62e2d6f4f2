-- Ids of the jobs that wait for a worker and are between two ids, oldest first.
-- $1 after_id
-- $2 before_id
-- $3 limit
SELECT id
  FROM jobs
 WHERE waiting
   AND id > $1
   AND id < $2
 ORDER BY id
 LIMIT $3

-- Ids of the jobs that wait for a worker and lie between two ids, oldest first.
SELECT id
  FROM jobs
 WHERE waiting
   AND id > $1
   AND id < $2
 ORDER BY id
 LIMIT $3

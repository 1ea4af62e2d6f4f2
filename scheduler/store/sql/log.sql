-- The pages of a job's log that end behind a place.
SELECT page, place, blocks
  FROM logs
 WHERE job_id = $1
   AND place + bytes > $2
 ORDER BY page

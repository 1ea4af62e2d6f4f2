-- The pages of a job's log that end after an offset.
-- $1 job_id
-- $2 after (bytes from the beginning of the log)
SELECT page, place, blocks
  FROM logs
 WHERE job_id = $1
   AND place + bytes > $2
 ORDER BY page

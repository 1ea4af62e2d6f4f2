-- The first jobs of a user that wait, or waited, for one of his jobs.
-- $1 job_id
-- $2 uid
-- $3 limit
SELECT edges.child AS id
  FROM edges
  JOIN jobs ON jobs.id = edges.parent AND jobs.uid = $2
 WHERE edges.parent = $1
 ORDER BY edges.child
 LIMIT $3

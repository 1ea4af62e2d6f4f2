-- Those of some jobs that are there, each of the right user.
-- $1 predecessors (JSON object of rows: id, uid)
SELECT jobs.id, jobs.uid
  FROM json_each($1)
  JOIN jobs ON jobs.id = value ->> 'id' AND jobs.uid = value ->> 'uid'

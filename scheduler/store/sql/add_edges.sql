-- Store for which jobs new jobs wait.
-- $1 edges (JSON object of rows: parent, child)
INSERT INTO edges (parent, child)
SELECT value ->> 'parent', value ->> 'child'
  FROM json_each($1)
RETURNING child

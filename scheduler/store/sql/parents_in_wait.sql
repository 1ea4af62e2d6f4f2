-- Ids of the jobs that a node runs and that have a child which is queued and not held.
-- $1 node_id
SELECT id
  FROM jobs
 WHERE owner = $1
   AND status = 'running'
   AND EXISTS (SELECT 1
                 FROM jobs AS child
                WHERE child.parent = jobs.id AND child.uid = jobs.uid AND child.status = 'queued' AND child.held IS NULL)

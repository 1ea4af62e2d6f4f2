-- Delete noted ends from which no edge is open any more.
-- $1 ids (the keys of a JSON object)
WITH gone AS (
    -- Those that another node deletes are left to it.
    SELECT id
      FROM awaited_ends
     WHERE id IN (SELECT CAST(key AS bigint) FROM json_each($1))
       -- No NOT EXISTS, for which PostgreSQL may read all edges at once.
       AND (SELECT edges.child
              FROM edges
             WHERE edges.parent = awaited_ends.parent
               AND edges.is_open
             LIMIT 1) IS NULL
     ORDER BY id
       FOR UPDATE SKIP LOCKED -- PostgreSQL only
)
DELETE FROM awaited_ends
 WHERE id IN (SELECT id FROM gone)
RETURNING id

-- Note that tokens were used, unless a later use is noted.
-- $1 uses (JSON object of rows with id and used_at)
UPDATE tokens
   SET used_at = noted.used_at
  FROM (SELECT value ->> 'id' AS id, CAST(value ->> 'used_at' AS bigint) AS used_at
          FROM json_each($1)) AS noted
 WHERE tokens.id = noted.id
   AND coalesce(tokens.used_at, 0) < noted.used_at
RETURNING tokens.id

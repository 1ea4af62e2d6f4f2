-- The tokens with some ids.
-- $1 token_ids (the keys of a JSON object)
SELECT tokens.*
  FROM json_each($1) AS asked
  JOIN tokens ON tokens.id = asked.key

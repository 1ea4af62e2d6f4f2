-- A token.
-- $1 token_id
SELECT * FROM tokens WHERE id = $1

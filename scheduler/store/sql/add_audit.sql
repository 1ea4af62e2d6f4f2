-- Store records of the audit log; one that is there already counts further.
-- $1 records (JSON object of rows, see arguments.audit_record)
INSERT INTO audit (id, at, action, actor, actor_kind, token_id, role, client, uid, target, count, detail)
SELECT value ->> 'id',
       CAST(value ->> 'at' AS bigint),
       value ->> 'action',
       value ->> 'actor',
       value ->> 'actor_kind',
       value ->> 'token_id',
       value ->> 'role',
       value ->> 'client',
       value ->> 'uid',
       value ->> 'target',
       CAST(value ->> 'count' AS bigint),
       value ->> 'detail'
  FROM json_each($1)
 WHERE true -- or SQLite takes ON for a part of the join
ON CONFLICT (id) DO UPDATE
   SET count = audit.count + excluded.count
RETURNING id

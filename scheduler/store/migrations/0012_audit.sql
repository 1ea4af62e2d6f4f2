-- Who did what. `id` is a UUIDv7, so records sort by time; `detail` is a JSON object. `action` has
-- no CHECK: a later version adds some, and nodes of both may run at once.

CREATE TABLE audit (
    id text
        COLLATE "C" -- PostgreSQL only
        PRIMARY KEY,
    at bigint NOT NULL,
    action text NOT NULL,
    actor text,
    actor_kind text,
    token_id text,
    role text,
    client text,
    uid text,
    target text,
    count bigint NOT NULL CHECK (count > 0),
    detail text NOT NULL
);

CREATE INDEX audit_of_actor ON audit (actor, id) WHERE actor IS NOT NULL;
CREATE INDEX audit_of_user ON audit (uid, id) WHERE uid IS NOT NULL;
CREATE INDEX audit_of_action ON audit (action, id);

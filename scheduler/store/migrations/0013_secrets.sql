-- What the nodes of an installation share, and nobody else may know. `$random` is replaced by 256
-- random bits in hexadecimal, when the migration runs.

CREATE TABLE secrets (
    name text
        COLLATE "C" -- PostgreSQL only
        PRIMARY KEY,
    value text NOT NULL
);

INSERT INTO secrets VALUES ('jobs', '$random');

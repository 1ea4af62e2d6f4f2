"""The URL of a PostgreSQL, as libpq, hosts of databases and other drivers write it."""

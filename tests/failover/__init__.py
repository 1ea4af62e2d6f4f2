"""How long a failover of a server stops the nodes, and that nothing is lost by it.

`python -m tests.failover` prints the table of docs/operating.md.

    load       nodes under load, and the pauses that a fault makes
    postgres   the ways in which a primary of PostgreSQL is replaced by its standby
"""

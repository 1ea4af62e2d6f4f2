"""`make chaos`: cause faults for some minutes, wait until all jobs have ended, and check.

    clients  submit, abort and read jobs, through any node that answers   ─▶ ledger   the answers
    faults   at random, from a printed seed, one or two at a time         ─▶ report   recovery times
    rest     no more faults: all nodes are up, every job ends             ─▶ verdict  what was wrong

Two installations are tested at the same time. The town is several nodes on a PostgreSQL and a
Valkey of its own; the hermit is one node on SQLite with an embedded queue. The seed decides the
actions and their times, but not the timing of the machine: it repeats the faults, not every
interleaving.
"""

"""`make chaos`: break everything for some minutes, let it come to rest, and count.

    clients  submit, abort and look, through whichever node answers   ─▶ ledger   what was answered
    faults   at random, from a printed seed, one or two at a time     ─▶ report   how soon it healed
    rest     no more faults: all nodes up, every job to its end       ─▶ verdict  what was broken

Two installations go through it at once. The town is several nodes on a PostgreSQL and a Valkey of
its own; the hermit is one node on SQLite with an embedded queue. The seed decides what is done and
when; what it meets is the machine's, so a seed repeats the faults and not every interleaving.
"""

"""Ports: the contracts between packages that do not import each other.

    service ─┬─▶ Store   the truth: jobs and nodes
    worker  ─┤
    sweeper ─┴─▶ Queue   hints: ids to run, abort flags, wake-ups
    all     ───▶ Clock   the time of day, durations and sleep
    service ───▶ DirectStart   an idle worker, for a job that is being stored

Read them as the specification. Each has one contract suite in `tests/contract`, which every
implementation passes. All methods of `Store` raise `StoreUnavailable`, and all of `Queue`
`QueueUnavailable`, when the server does not take the call. Then nothing is half done, but a write
may have been done whole with its answer lost: every write is safe to repeat. Every method is safe
to cancel, too. `StoreRefused`, a kind of `StoreUnavailable`, says that a call's own values are at
fault; nobody but who answers requests has to tell them apart.
"""

"""What jobs are and what may happen to them. Pure: no I/O; only `ports/` names what does I/O.

    job          statuses, transitions, claims, outcomes: read this first
    policy       what follows from an outcome; delays and limits
    ports/       the contracts of `Store`, `Queue` and `Clock`
    access/      who may do what, and who did it
    quotas/      how much each user may submit
    change       what nodes tell each other about jobs, and what followers are sent
    job_log      the log that a job prints, and which of its pages are kept
    webhook      calls of a job's hook, and what follows from an answer
    statistics   the figures of the dashboard
    finding      what a check of `doctor` found
    handler      the decorator `@handler` and its options
    callback     how a handler is called: which parameters get data and job context
    context      `JobContext` and `JobAborted`, which handlers use
    errors       the tree of errors
    json_values/ what handlers return and notify, as JSON text and back

It imports nothing here: each pool process runs this file.
"""

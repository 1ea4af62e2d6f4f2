"""Runs inside a pool process: reads jobs from the node, runs their handlers, sends the results.

    job_loop              loads the handlers, then runs one job after the other
    ├─ loading/           the handlers folder, as a package of this process
    ├─ frames, outbox     messages from and to the node
    ├─ executor_ends      nothing for the executor, which would unpickle it
    ├─ event_loop         runs async handlers, all in one loop
    ├─ abort_signal       SIGTERM interrupts the handler
    ├─ containment        every process that a job starts stays below this one
    ├─ memory_limit       the memory that a job may use
    ├─ results, failures  what a handler returned or raised, as its user gets it
    ├─ between_jobs/      every job begins as the first one did
    └─ exit_functions     run before this process ends

Every pool process imports this file, so it imports nothing.
"""

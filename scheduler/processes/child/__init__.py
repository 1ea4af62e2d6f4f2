"""Runs inside a pool process: reads jobs from the node, runs their handlers, sends the results.

    fork server     preload ─▶ loading        imports the handlers once, before it forks
    pool process    job_loop                  one job after the other, for as long as the node wants
                    ├─ frames, outbox         messages from and to the node
                    ├─ abort_signal           SIGTERM interrupts the handler
                    ├─ containment            every process that a job starts stays below this one
                    ├─ memory_limit           the memory that a job may use
                    ├─ results                what a handler returned, as JSON or why not
                    └─ stdio, process_state   restored between two jobs

Every pool process imports this file, so it imports nothing.
"""

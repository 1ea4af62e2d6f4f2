"""Restores what a job changed in its process, and finds what makes it unfit for another job.

    before_first_job     the parts below together
    stdio                the streams, and what is still buffered        new, flushed
    process_state        what the kernel keeps for the process          restored, or replaced
    interpreter_state    what the interpreter has only one of           restored
    environment          the environment variables                      restored
    loggers              levels, handlers and filters of loggers        restored
    random_state         the seeds of random generators                 new
    garbage              frames and cycles with locks, transactions     freed
    leaks                threads, children, descriptors, memory         replaced

docs/handlers.md has the same as a table for users. Modules and what they keep stay as they are.
"""

"""The jobs that our node and the peers run alike, and how their processes are found.

    endless        jobs that run until they are aborted: a C loop, a tree of processes, a sleep
    counting       a job that computes for some milliseconds and counts itself
    start_delay    a job that reports how long it waited for its start
    process_table  the processes of a job or of a run, by a variable in their environment

Standard library only: the peers' virtual environments load this too.
"""

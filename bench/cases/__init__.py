"""What each benchmark measures, by the command that runs it.

    abort      abort_cases      the rows: which nodes and peers take part
               abort_scenarios  what one round of a case does to our nodes
               abort_load       HTTP requests at a steady rate, from a process of its own
               abort_stages     what single aborts of our node wait for
               abort_junk       single aborts while others try out tokens
    footprint  footprint_parts  memory, processor time, statements and commands of a node
    growth     growth_node      a node with many queued or finished jobs
               growth_store     the store's calls with many finished jobs
    speed      speed_cases      the rows: which measures, and who takes part
               speed_setup      the servers, and a new node or peer for each measurement
               speed_drain      how fast a backlog is worked off
               speed_start      how soon a job starts
               speed_submit     how fast jobs are accepted over HTTP; post.lua is wrk's script

The cases of `nodes` are in `bench/nodes.py` itself.
"""

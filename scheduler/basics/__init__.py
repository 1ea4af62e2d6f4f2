"""Building blocks that know nothing of jobs.

background     background tasks that live as long as a block
batch          group commit: many calls become one
clock          the machine's time, and ids made from it
file_lock      a lock file that one process holds
memory         how much memory this process may use
outage         logs when a server goes away and when it is back
private_files  files that only the user of this process may read
retry          tries again, with pauses that grow
sql_names      names of schemas in a database
turns          of many tasks, a few in each iteration of the loop
urls           URLs without their passwords
visible        text without what acts on a terminal
wait           a wait that another task may end early
"""

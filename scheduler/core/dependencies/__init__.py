"""Jobs that wait for other jobs: what is asked for, and what handlers see of their predecessors.

declaration   the jobs that a job waits for, and how they have to end
resolving     what follows for them when a job is over
groups        jobs under one name, and how far they are
results       how a job's predecessors ended, for the job itself
"""

"""The peers of `make bench`, each in its own environment: `python -m …speed.NAME`.

submit N MS    put N jobs of MS milliseconds into its queue
starts N       submit N jobs, one at a time, and print how many seconds each waited, as JSON
work           become its worker, with BENCH_WORKERS processes

`commands` is what all of them share. The modules' own names are also in strings: they are how the
peers' workers find their app, queue, broker or settings.

Each peer is set up as its documentation advises for many short jobs. Whoever can store the state of
each job does so, as our node does. Huey, Taskiq and Dramatiq do less: they have no state of a job
to store, and store no results here either. The best number of processes is found by trying.
"""

"""The peers of `make bench`, each in its own environment: `python -m …speed.NAME`.

submit N MS    put N jobs of MS milliseconds into its queue
starts N       submit N jobs, one at a time, and print how many seconds each waited, as JSON
work           become its worker, with BENCH_WORKERS processes

Each is set up as its documentation advises for many short jobs, and keeps no results where it can
do without. How many processes are best is found by trying.
"""

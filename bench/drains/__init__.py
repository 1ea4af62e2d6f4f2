"""The peers of the drain benchmark, each in its own environment: `python -m bench.drains.NAME`.

submit N MS    put N jobs of MS milliseconds into its queue
work           become its worker, with BENCH_WORKERS processes
"""

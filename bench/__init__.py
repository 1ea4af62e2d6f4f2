"""Benchmarks: what is promised about time, measured on real processes, next to other schedulers.

    abort, footprint, growth, isolation, nodes, speed   one benchmark each: `python -m bench.NAME`
    plots      draws the results as `docs/images/bench-….png`
    results/   the figures of the last full runs, as JSON

    cases/     what each benchmark measures
    harness/   one run: servers, rounds, statistics, reports
    ours/      our node, as the benchmarks drive and observe it
    peers/     the other schedulers, each in a virtual environment of its own
    jobs/      the jobs that our node and the peers run alike

The peers' virtual environments have none of our dependencies. So what they import must need the
standard library only: `jobs/`, and every `__init__.py` on the way to a module of `peers/`.
"""

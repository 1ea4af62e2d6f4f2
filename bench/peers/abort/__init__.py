"""The peers of `make bench-abort`, each in its own virtual environment: `python -m …abort.NAME`.

    celery, rq   how a job is submitted and stopped, and the worker's command
    measure      the same for both: submit, stop, watch the job's processes

The module names are also in strings: `--app` of Celery, and the function names that RQ enqueues.
"""

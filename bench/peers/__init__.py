"""The other schedulers: how they are started, and what runs in their virtual environments.

Seen from the benchmark:

    environments  makes the virtual environments
    abort_peer    a peer of `make bench-abort`
    speed_peer    a peer of `make bench`: its queue and its workers
    http_servers  the other servers that accept jobs over HTTP

Inside of the peers' virtual environments, whose packages `requirements/` pins:

    abort/            stops jobs of Celery and RQ, and watches their processes
    speed/            submits jobs to each peer, or becomes its worker
    celery_front_end  FastAPI, SQLite and Celery behind our API

In ours: bare_http, an aiohttp server that only reads a job and answers.
"""

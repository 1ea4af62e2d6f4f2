# The image of one node. The build needs only this folder and the pinned packages.
FROM python:3.13-slim

# tini is the init process: it reaps orphans, and passes SIGTERM on to the node.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --home-dir /app --no-create-home scheduler

WORKDIR /app
COPY requirements.txt ./
RUN pip install --no-cache-dir --require-hashes --requirement requirements.txt
COPY main.py config.toml ./
COPY scheduler ./scheduler
COPY atlanscheduler_client ./atlanscheduler_client
COPY handlers ./handlers
# Compile here: the node's user may not write to these folders, so each process would compile again.
RUN python -m compileall -q scheduler atlanscheduler_client handlers \
    && mkdir data files && chown scheduler data files

USER scheduler
# Other machines may reach a container, so it asks for tokens: the first is in data/admin-token.
ENV PYTHONUNBUFFERED=1 SCHEDULER_HTTP__HOST=0.0.0.0 SCHEDULER_AUTH__MODE=tokens
EXPOSE 8000
VOLUME ["/app/data", "/app/files"]
HEALTHCHECK --interval=5s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/-/health', timeout=2)"]
ENTRYPOINT ["tini", "--", "python", "main.py"]

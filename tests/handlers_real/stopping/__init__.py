"""Waits of all kinds in libraries: each until the job is aborted, and one that is never over."""

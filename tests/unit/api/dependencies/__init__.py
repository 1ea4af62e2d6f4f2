"""Jobs that wait for jobs, and groups, over HTTP."""

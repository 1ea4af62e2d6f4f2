"""Jobs that wait for jobs, and groups, on the dashboard."""

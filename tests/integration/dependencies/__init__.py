"""Jobs that wait for jobs, on real nodes."""

"""Which nodes run a job: what the ports `Store` and `Queue` promise of it."""

"""Jobs that wait for jobs, and groups of jobs: what the port `DependencyStore` promises of them."""

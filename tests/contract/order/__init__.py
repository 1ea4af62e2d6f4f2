"""When and in which order jobs run: what the port `Store` promises of it."""

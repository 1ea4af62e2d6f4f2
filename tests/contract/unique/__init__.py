"""Jobs with unique keys: what the port `Store` promises of them."""

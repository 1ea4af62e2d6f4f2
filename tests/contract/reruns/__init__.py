"""What the port `Store` promises about jobs that are run again."""

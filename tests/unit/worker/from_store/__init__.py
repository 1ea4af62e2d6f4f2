"""What workers take from the store: whose job is next, and how it is claimed."""

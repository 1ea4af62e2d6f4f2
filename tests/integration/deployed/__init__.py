"""The node where people put it: databases, machines and networks as they are."""

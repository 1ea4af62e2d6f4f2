"""Nodes on machines of all kinds, and what others do to their processes."""

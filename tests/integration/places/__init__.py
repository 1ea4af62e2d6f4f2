"""Nodes that have labels, and jobs that need some, on real servers and with real processes."""

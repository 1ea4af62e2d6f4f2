"""Benchmarks: what is promised about time, measured on real processes, beside the peers."""

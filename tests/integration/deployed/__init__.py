"""A node where it is deployed: what stands beside it, in front of it and under it."""

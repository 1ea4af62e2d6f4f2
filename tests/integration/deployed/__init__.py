"""Nodes as others put them up: their databases, roles, certificates, proxies and machines."""

"""Nodes that start by a fork, with their modules imported: two thirds of what a start costs.

server    forks them: a process that has imported what a node imports
client    asks the server for one, and waits for its end, as `subprocess` would
"""

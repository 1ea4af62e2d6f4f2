"""`main.py` by a fork, with its modules imported: a third of what a start costs otherwise.

server    forks it: a process that has imported what nodes, or commands, import
client    asks the server for one, and waits for its end, as `subprocess` would
"""

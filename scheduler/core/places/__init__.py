"""Places: which nodes may run a job. Pure.

labels   what nodes have and jobs need; the lane of the queue in which such jobs wait
"""

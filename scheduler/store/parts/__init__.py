"""Parts of the store that have a port of their own, in SQL.

pauses    what is paused
tokens    tokens and sessions
"""

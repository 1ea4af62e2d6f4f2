"""Parts of the store that have a port of their own, in SQL.

pauses    what is paused
schedules what makes jobs at set times
tokens    tokens and sessions
"""

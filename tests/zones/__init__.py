"""Whether schedules fire when the clocks of a zone show their times.

`oracle.py` looks at every minute; `make zones` compares two years in thirty zones, and `make test`
the days around which the clocks of these zones change.
"""

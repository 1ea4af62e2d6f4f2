"""The use cases of schedules.

firing.py       makes jobs of occurrences: what each node does with schedules that are due
schedules.py    set, show, list, delete, run now, backfill, preview
documents.py    schedules as JSON documents
"""

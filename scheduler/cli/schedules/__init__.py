"""The commands `schedule …`.

commands    set, list, show, delete, run, backfill, preview
"""

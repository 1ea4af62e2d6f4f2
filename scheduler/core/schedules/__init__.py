"""Schedules: what makes jobs at set times. Pure.

schedule.py     the schedule itself, its occurrences, and what became of them
cron.py         cron expressions, with errors that name the field
wall_clock.py   from times on a zone's clocks to instants: gaps in spring, hours that come twice
zones.py        time zones, by the data of the package tzdata
timing.py       the occurrences of a schedule, one after the other
firing.py       which occurrences start a job, which are skipped, and why
"""

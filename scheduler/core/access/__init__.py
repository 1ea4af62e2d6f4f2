"""Who did what. Pure.

audit    the records of the audit log, and which submissions are for others
"""

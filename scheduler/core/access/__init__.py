"""Who did what, and what is said of it. Pure.

audit      the records of the audit log, and which submissions are for others
masking    leaves secrets out of messages
"""

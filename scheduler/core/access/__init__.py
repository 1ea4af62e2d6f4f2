"""Who may do what, and who did it. Pure.

principal    who asks, what they may do, and the roles and rights: read this first
token        the tokens of clients
session      the sessions of browsers
job_token    the tokens of jobs
audit        the records of the audit log, and which submissions are for others
masking      leaves secrets out of messages
"""

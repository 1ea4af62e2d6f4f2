"""Who did what, and what jobs say who they are by. Pure.

audit        the records of the audit log, and which submissions are for others
job_token    the tokens of jobs
"""

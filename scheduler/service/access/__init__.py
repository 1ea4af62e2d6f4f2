"""The use cases of the audit log.

audit            writes down what somebody does, and lets admins read it
failed_logins    writes down failed logins, in few records
"""

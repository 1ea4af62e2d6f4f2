"""The use cases of access: who asks, what they may do, and what is written down of it.

rights           what a principal may do, as all use cases ask it
tokens           says whose token one is; makes, lists and revokes them
sessions         logins of browsers
known            what a node has read of tokens and sessions, for some seconds
audit            writes down what somebody does, and lets admins read it
failed_logins    writes down failed logins, in few records
"""

"""Who is let in.

hosts             the host names by which a node may be asked
browsers          refuses requests for other hosts, and writes that come from other web sites
cookies           reads a cookie
authentication    finds out who asks
job_tokens        makes the tokens of jobs, and finds out which job brings one
gate              calls a view only for those who may
addresses         where a request comes from
clients           the same behind a proxy, for the audit log
failures          slows those whose logins and tokens fail
parts             all of these, for the application
"""

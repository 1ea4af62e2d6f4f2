"""PostgreSQL as others hand it out: URLs, TLS, roles with few rights, schemas, errors at the start.

place          a database for one test, and roles that log in with a password
tls            certificates, and a proxy that speaks TLS in front of a server that does not
"""

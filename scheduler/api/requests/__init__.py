"""Reads requests, and says in plain words what is wrong with them.

bodies        reads a JSON body, within limits
json_text     parses JSON, and refuses what could not be returned as it was sent
queries       the path, the query and the headers
models        what bodies, paths and queries may contain, as pydantic models
checking      checks a value against a model, and names each flaw
submissions   from a JSON value to the jobs to submit
cursor        where a page of a list ended, as opaque text
tracing       the `traceparent` header
"""

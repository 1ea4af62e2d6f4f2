"""The description of the API: the table of routes, and what is made from it.

routes     the table of all routes
route      what is known of one route
shapes     the JSON of responses, as pydantic models
tags       the groups of routes
examples   examples of what has a schema, and of problems
operation_examples
           examples of parameters, requests and responses
openapi    the OpenAPI document, made from the routes
docs       the document as a page, styled by docs.css; `reading` writes an operation on it
described  both, made when they are first asked for
curl       an operation as a command
"""

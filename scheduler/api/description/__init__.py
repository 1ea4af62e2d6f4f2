"""The description of the API: the table of routes, and what is made from it.

routes     the table of all routes
route      what is known of one route
shapes     the JSON of responses, as pydantic models
examples   examples of requests and responses, for the document
openapi    the OpenAPI document, made from the routes
docs       the document as a page, styled by docs.css
"""

"""The HTTP API. Only this package uses aiohttp as a server; it knows no SQL, Redis or processes.

    request ─▶ http_metrics ─▶ problems ─▶ a view ─▶ service
                                  ▲           │
         errors as RFC 9457 problems          ├─ reads with `requests`
                                              └─ writes with `service.documents`

    app             builds the aiohttp application from all of this
    router          finds the route of a request
    state           what views find in the application: the service, the limits
    views/          one function for each route
    access/         who is let in: other hosts and other web sites are not
    requests/       reads and checks what requests contain
    description/    the table of routes, the OpenAPI document and its page
    dashboard/      the web page at `/-/ui/`
    reserved        words that are no uids, since they are taken for paths
    problems        every error as an HTTP response
    streams         responses that continue while there is more to send
    json_response   responses with a JSON body
    http_metrics    counts and times requests

`description.routes.ROUTES` is the table of all routes; the aiohttp routes and the OpenAPI document
are both made from it. The models that check a request are the ones that the document shows.
"""

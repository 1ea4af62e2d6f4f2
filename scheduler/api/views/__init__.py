"""The views: one function for each route. Each reads the request, calls the service, and answers.

    jobs         submit, list and get jobs; list the calls of a job's hook
    aborts       abort one job, or all that match
    events       Server-Sent Events of one job, or of many
    job_logs     what a job printed
    operations   health, readiness, handlers, nodes, metrics, and the description of this API

The first line of a view's docstring is the summary of its route in the OpenAPI document.
"""

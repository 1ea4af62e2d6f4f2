"""The use cases: what the API and the dashboard call. Knows jobs and users, and nothing of HTTP.

service        submit, get, list, read the log, follow, abort
reruns         run jobs again that are over: one, or all that match
lookup         find a job by its id alone; its place in line, and its re-runs
statistics     what the dashboard asks besides: counts, durations, extent of a bulk abort
change_feed    this node's reader of the stream of changes, shared by all who follow jobs
following/     from these changes to the events that clients are sent
job_looks      looks at the store for all who wait for jobs, together
access/        who asks, what they may do, and the audit log
documents      jobs, nodes, handlers, events and hook calls as JSON
"""

"""What a node tells its operators: log lines and Prometheus metrics.

failures     what a log line says of a failure
terminal     log lines for people at a terminal
log_lines    sets up logging: text on a terminal, JSON otherwise
job_events   the log line and the count for each event of a job
metrics      the metrics of a node (those of HTTP are in `scheduler.api.http_metrics`)
gauges       what is measured at intervals: the lag of the event loop, the queued jobs
stalls       the warning that every slot may wait for queued jobs
"""

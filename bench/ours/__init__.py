"""Our node, as the benchmarks drive and observe it.

node            starts a node, and submits, reads and aborts jobs over HTTP
timed_node      a node that notes when it has done what an abort waits for
handlers/       the handlers of the benchmarks' jobs
filled_store    writes many jobs into a store at once, by SQL
memory_and_cpu  memory and processor time of a node's processes, by kind
idle_activity   processor time, statements and commands per second
"""

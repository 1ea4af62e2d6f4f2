"""A node's life: built from its configuration, run until a signal, then drained.

life ─▶ preflight     checks what a node needs: Linux, its data_dir, store and queue
  │ ──▶ assembly      builds the node in the order of its start
  └ ──▶ running_node  from the ready line to the end of the drain

http_server    serves the API, on the sockets of `listening`
migrating      brings the schema of the store up to date, without a node
sweeper        recovers the jobs of dead nodes and lost ids, deletes old jobs
doctor/        says what keeps a node from starting, without a node
config/        reads and validates the configuration
"""

"""The warden: a tiny process that outlives its node, to end what the node can no longer end.

    node ──pipe──▶ warden     an instant of the monotonic clock: up to then jobs may run here
                              (nothing by then)  end all jobs; the node is stopped or starved
                              FAREWELL           the node is done: end what jobs left, and go
                              end of file        the node died: end all that it started, and go

The fork server outlives a killed node as long as its children do, so no parent-death signal helps.

    handle    the node's side          watch     the process          cookie    what it may end
"""

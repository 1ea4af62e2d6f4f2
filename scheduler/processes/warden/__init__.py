"""The warden: a small process that outlives its node, and ends what the node cannot end any more.

    node ──pipe──▶ warden    deadline       jobs may run until then, by the monotonic clock
                             none by then   the node is stopped or starved: end all jobs
                             SHUTDOWN       the node is done: end what jobs left behind, then exit
                             end of file    the node died: end all that it started, then exit

A parent-death signal would not do: the fork server of a killed node lives for as long as any of its
children.

    handle    the node's side    watch    the warden's process    cookie    which processes it ends
"""

"""`python -m tests.attacks`: attack a node over HTTP, and look at what its users notice of it.

    attack       what an attack is, and the sockets and requests that attacks are made of
    bodies       attacks by what requests bring: compressed, slow, unfinished, hard to parse
    connections  attacks by connections: half a header, silence, answers that nobody reads
    streams      attacks by what lasts: events that nobody reads, or that many read, and waits
    __init__     ATTACKS has them all by name: a new one is a coroutine and an entry there
    users        what is measured beside: health, aborts, a running job, the node's memory
    run          one attack against a node of its own

An attack runs in a process of its own, so that it does not delay what measures:
`python -m tests.attacks --hold NAME URL` holds it until that process is ended.
"""

from __future__ import annotations

from tests.attacks import bodies, connections, streams
from tests.attacks.attack import Attack

ATTACKS = (
    Attack(name="gzip bombs", run=bodies.gzip_bombs),
    Attack(name="deflate bombs", run=bodies.deflate_bombs),
    Attack(name="unfinished bodies", run=bodies.unfinished),
    Attack(name="byte by byte", run=bodies.byte_by_byte),
    Attack(name="empty arrays", run=bodies.empty_arrays),
    Attack(name="nested arrays", run=bodies.nested_arrays),
    Attack(name="many values", run=bodies.many_values),
    Attack(name="extended chunks", run=bodies.extended_chunks),
    Attack(name="valid submits", run=bodies.submits),
    Attack(name="half headers", run=connections.half_headers, descriptors=1024),
    Attack(name="slow headers", run=connections.slow_headers, descriptors=1024),
    Attack(name="idle connections", run=connections.idle_connections, descriptors=1024),
    Attack(name="unread lists", run=connections.unread_lists),
    Attack(name="pipelines", run=connections.pipelines),
    Attack(name="unread events", run=streams.unread_events),
    Attack(name="read events", run=streams.read_events),
    Attack(name="too many events", run=streams.too_many_events),
    Attack(name="waits", run=streams.waits),
)

"""What clients may take of a node: connections, bytes, time.

    server       serves the application; which connections are given up where they get scarce
    connection   one connection: how long its header may take, and what may be sent ahead
    handshakes   connections by https, before client and node have agreed on keys
    admission    lets requests in, or answers 503
    budget       the bytes that all requests together hold
    load         what requests share: the budget, places, lines for reads, the turns at parsing
    lines        reads what may be large, a few at a time
    places       shares places among those who keep requests open for long
    lasting      streams and waits take a place
    pace         how slow a client may be

`docs/operating.md` says what a node takes at most: its figures are the constants of these modules.
"""

"""The URL of a PostgreSQL, as libpq and the hosts of databases write it, for asyncpg.

asyncpg takes each parameter that it does not know for a setting of the server, which refuses it. So
each one is looked up here: taken, ignored with a line in the log, or refused with the reason.

    address      read: a URL, and what it means
    splitting    the text of a URL in its parts; nothing is looked up yet
    service      what a service file says for a URL that names a service
    parameters   the table of all parameters that are not taken as they are
    tls          the parameters of TLS, and what stands in for channel binding
    connecting   connects to the one of several hosts that serves
"""

from __future__ import annotations

from scheduler.store.postgres_url.address import Address, Remark, read
from scheduler.store.postgres_url.connecting import Connector

__all__ = ["Address", "Connector", "Remark", "read"]

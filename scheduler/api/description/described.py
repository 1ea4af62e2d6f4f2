"""The description of this API in both its forms, made when it is first asked for.

Few ask a node for it, and making it takes longer than all else that a start needs a processor for.
"""

from __future__ import annotations

from functools import cache

import orjson

from scheduler.api.description import docs
from scheduler.api.description.openapi import document
from scheduler.api.description.routes import routes
from scheduler.api.state import Described


@cache  # the routes are constants
def described(*, open_metrics: bool) -> Described:
    """The document, which is made once: pydantic takes about 0.2 s for it.

    Args:
        open_metrics: whether the metrics need no token.
    """
    made = document(routes(open_metrics=open_metrics))
    return Described(orjson.dumps(made), docs.page(made))

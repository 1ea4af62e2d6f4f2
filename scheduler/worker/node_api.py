"""How handlers reach the API of their node: its address, and a token for each attempt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from scheduler.core.job import Claim


def _no_token(_: Claim) -> None:
    """Nobody is asked for one."""


@dataclass(frozen=True, slots=True)
class NodeApi:
    """The API of the node, as its handlers find it."""

    url: str
    token_of: Callable[[Claim], str | None] = _no_token
    """The token for an attempt; None where it gets none."""

    def frame(self, claim: Claim) -> Mapping[str, str]:
        """What the process of an attempt is told of it."""
        token = self.token_of(claim)
        return {"url": self.url} if token is None else {"url": self.url, "api_token": token}

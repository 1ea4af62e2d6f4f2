"""Every key and channel of one installation: only this file has their names.

    {scheduler}:queue               list    ids that wait, the next one at its left end
    {scheduler}:inflight:<node id>  list    ids that a node took and has not acknowledged
    {scheduler}:nodes               set     ids of the nodes that may have an in-flight list
    {scheduler}:epoch               string  run id of the server that has every waiting id; until it
                                            has, also the node that reminds it: then it expires
    {scheduler}:store               string  identity of the store that this namespace belongs to
    {scheduler}:abort:<job id>      string  the job's abort flag; expires
    {scheduler}:changes             stream  the last changes of all jobs
    {scheduler}:check:<kind>        any     keys, and a channel, with which a node that starts tries
                                            its rights
    {scheduler}:aborts:<node id>    channel ids whose abort is announced to a node
    {scheduler}:changed:<job id>    channel a change of one job
    {scheduler}:revoked             channel ids of tokens that were revoked

The braces are a hash tag: a Redis Cluster keeps all keys with one hash tag in one slot. Otherwise
it would refuse every script that uses two of them.

All of it is ours, and all of it is hints: a key of another type than these is deleted.
"""

# ruff: noqa: D102 - the table above describes each

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from scheduler.core.errors import StartError

_ID: Final = re.compile(r"[0-9A-Za-z-]{1,64}")


@dataclass(frozen=True, slots=True)
class Keys:
    """The names within one namespace.

    Raises:
        StartError: the namespace cannot be a hash tag: it is empty or has braces.
    """

    namespace: str

    def __post_init__(self) -> None:
        if not self.namespace or {"{", "}"} & set(self.namespace):
            raise StartError(
                f"[queue] namespace: {self.namespace!r} is not allowed;"
                " it takes at least one character, and no braces"
            )

    @property
    def queue(self) -> str:
        return self._key("queue")

    @property
    def nodes(self) -> str:
        return self._key("nodes")

    @property
    def epoch(self) -> str:
        return self._key("epoch")

    @property
    def store(self) -> str:
        return self._key("store")

    @property
    def changes(self) -> str:
        return self._key("changes")

    @property
    def types(self) -> Mapping[str, str]:
        """The type of each key that is always of the same name."""
        return {
            self.queue: "list",
            self.nodes: "set",
            self.epoch: "string",
            self.store: "string",
            self.changes: "stream",
        }

    def inflight(self, node_id: str) -> str:
        return self._key(f"inflight:{node_id}")

    def abort(self, job_id: str) -> str:
        return self._key(f"abort:{job_id}")

    def check(self, kind: str) -> str:
        return self._key(f"check:{kind}")

    def aborts(self, node_id: str) -> str:
        return self._key(f"aborts:{node_id}")

    def changed(self, job_id: str) -> str:
        return self._key(f"changed:{job_id}")

    @property
    def revoked(self) -> str:
        return self._key("revoked")

    def _key(self, rest: str) -> str:
        return f"{{{self.namespace}}}:{rest}"


def is_id(text: str) -> bool:
    """Whether a text from the server may be an id; `take.lua` has the same rule.

    What cannot be one never reaches the store: databases refuse NUL and what is no UTF-8.
    """
    return _ID.fullmatch(text) is not None

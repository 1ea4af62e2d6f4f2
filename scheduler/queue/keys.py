"""Every key and channel of one installation: only this file has their names.

    {scheduler}:first               list    entries that come before all others, the next one at its
                                            left end: clean-ups, and what was given back
    {scheduler}:users               zset    users who have ids that wait, and may start one; the one
                                            whose turn it is has the least score
    {scheduler}:jobs:<uid>          zset    a user's ids that wait, by the time at which they became
                                            eligible (ms), less their priority
    {scheduler}:loads               hash    how many ids of a user are in flight on all nodes
    {scheduler}:shares              hash    of users whose share is not the default: weight, and how
                                            many ids may be in flight, -1 for any number
    {scheduler}:turns               zset    users by their turns: the last ten thousand who started
    {scheduler}:capped              set     users who run as much as they may
    {scheduler}:wake                list    a token for each worker that should look again
    {scheduler}:wake:<node id>      list    the same for one node, for jobs that need its labels
    {scheduler}:lanes               set     lanes in which something waits; see `places.labels`
    {scheduler}:places              hash    of nodes with labels: these, `|`, and of which of them a
                                            job must need one
    {scheduler}:lane:<lane>:first   list    what `first`, `users`, `capped` and `jobs:<uid>` are for
       …:users, …:capped, …:jobs:<uid>      jobs that need no label
    {scheduler}:inflight:<node id>  list    entries that a node took and has not acknowledged
    {scheduler}:nodes               set     ids of the nodes that may have an in-flight list
    {scheduler}:complete            string  run id of the server that has every waiting id; until it
                                            has, also the node that reminds it: then it expires
    {scheduler}:queue               list    ids that nodes of an earlier version enqueued
    {scheduler}:epoch               string  for those nodes what `complete` is for ours
    {scheduler}:store               string  identity of the store that this namespace belongs to
    {scheduler}:abort:<job id>      string  the job's abort flag; expires
    {scheduler}:changes             stream  the last changes of all jobs
    {scheduler}:check:<kind>        any     keys, and a channel, with which a node that starts tries
                                            its rights
    {scheduler}:aborts:<node id>    channel ids whose abort is announced to a node
    {scheduler}:echo:<node id>      channel what a node sends itself, to find out whether it hears
    {scheduler}:changed:<job id>    channel a change of one job
    {scheduler}:revoked             channel ids of tokens that were revoked

The braces are a hash tag: a Redis Cluster keeps all keys with one hash tag in one slot. Otherwise
it would refuse every script that uses two of them.

An entry of a list is an id, then `/` and the uid of its job; where that is unknown, the id alone.
Of a job that needs labels, `/` and its lane follow.

All of it is ours, and all of it is hints: a key of another type than these is deleted.
"""

# ruff: noqa: D102 - the table above describes each

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from scheduler.core.errors import StartError

OF_USERS: Final = (
    *("complete", "first", "users", "loads", "shares", "turns", "capped", "wake", "jobs:"),
    *("lanes", "places", "lane:"),
)
"""`jobs:` is how the lines of users begin, `lane:` how the keys of lanes do: which of them a script
uses, it finds out itself."""

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
    def earlier(self) -> str:
        return self._key("queue")

    @property
    def nodes(self) -> str:
        return self._key("nodes")

    @property
    def complete(self) -> str:
        return self._key("complete")

    @property
    def earlier_epoch(self) -> str:
        return self._key("epoch")

    @property
    def wake(self) -> str:
        return self._key("wake")

    @property
    def lanes(self) -> str:
        return self._key("lanes")

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
            self._key("first"): "list",
            self._key("users"): "zset",
            self._key("loads"): "hash",
            self._key("shares"): "hash",
            self._key("turns"): "zset",
            self._key("capped"): "set",
            self.lanes: "set",
            self._key("places"): "hash",
            self.wake: "list",
            self.earlier: "list",
            self.nodes: "set",
            self.complete: "string",
            self.earlier_epoch: "string",
            self.store: "string",
            self.changes: "stream",
        }

    @property
    def of_users(self) -> Sequence[str]:
        """The first keys of each script that moves ids, in the order of `users.lua`."""
        return tuple(map(self._key, OF_USERS))

    def wake_of(self, node_id: str) -> str:
        return self._key(f"wake:{node_id}")

    def users_of(self, lane: str) -> str:
        return self._key(f"lane:{lane}:users" if lane else "users")

    def capped_of(self, lane: str) -> str:
        return self._key(f"lane:{lane}:capped" if lane else "capped")

    def of_lane(self, lane: str) -> Mapping[str, str]:
        """The keys of a lane that are always of the same name, each with its type."""
        types = {"first": "list", "users": "zset", "capped": "set"}
        return {self._key(f"lane:{lane}:{name}"): type_ for name, type_ in types.items()}

    def inflight(self, node_id: str) -> str:
        return self._key(f"inflight:{node_id}")

    def abort(self, job_id: str) -> str:
        return self._key(f"abort:{job_id}")

    def check(self, kind: str) -> str:
        return self._key(f"check:{kind}")

    def aborts(self, node_id: str) -> str:
        return self._key(f"aborts:{node_id}")

    def echo(self, node_id: str) -> str:
        return self._key(f"echo:{node_id}")

    def changed(self, job_id: str) -> str:
        return self._key(f"changed:{job_id}")

    @property
    def revoked(self) -> str:
        return self._key("revoked")

    def _key(self, rest: str) -> str:
        return f"{{{self.namespace}}}:{rest}"


def entry_of(job_id: str, uid: str, lane: str) -> str:
    """What stands for an id in a list; `users.lua` takes it apart."""
    return f"{job_id}/{line_of(uid, lane)}"


def line_of(uid: str, lane: str) -> str:
    """The name of the line of a user in a lane."""
    return f"{uid}/{lane}" if lane else uid


def id_of(entry: str) -> str:
    """The id of an entry."""
    return entry.partition("/")[0]


def is_id(text: str) -> bool:
    """Whether a text from the server may be an id; `users.lua` has the same rule.

    What cannot be one never reaches the store: databases refuse NUL and what is no UTF-8.
    """
    return _ID.fullmatch(text) is not None

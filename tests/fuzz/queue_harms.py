"""What somebody may do to the queue's server: any of its keys and channels, and its answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

Words = tuple[bytes, ...]


class Harm(NamedTuple):
    """A command for the server, or what the node gets in place of its answers for a while."""

    command: Words = ()
    lie: bytes = b""


KEYS: Final = (
    *("queue", "nodes", "epoch", "store", "changes", "inflight:", "inflight:nobody", "abort:1"),
    *("first", "users", "loads", "shares", "turns", "capped", "wake", "complete", "jobs:u1"),
    *("check:list", "check:text"),
)
"""The keys of a namespace; after `inflight:` comes the id of the node."""
CHANNELS: Final = ("aborts:", "echo:", "changed:1", "changed:", "revoked")
ERRORS: Final = (
    *("ASK 1 127.0.0.1:1", "BUSY", "CLUSTERDOWN", "CROSSSLOT", "ERR unknown command", "EXECABORT"),
    *("LOADING", "MASTERDOWN", "MISCONF", "MOVED 1 127.0.0.1:1", "MOVED", "NOAUTH", "NOPERM"),
    *("NOREPLICAS", "NOSCRIPT", "OOM", "READONLY", "TRYAGAIN", "UNBLOCKED", "WRONGPASS"),
    *("WRONGTYPE", "ERR max number of clients reached", "\udcff"),
)
LIES: Final = (
    *(f"-{error} as the tests say\r\n".encode(errors="surrogateescape") for error in ERRORS),
    *(b"\0\xff\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"+OK\r\n", b":1\r\n", b":-5\r\n"),
    *(
        b"$5\r\nhello\r\n",
        b"$2\r\n\xff\xfe\r\n",
        b"$-1\r\n",
        b"*-1\r\n",
        b"*0\r\n",
        b"*1\r\n:1\r\n",
    ),
    *(b"*3\r\n$7\r\nmessage\r\n:1\r\n*0\r\n", b"*1\r\n*1\r\n*1\r\n*0\r\n", b"$99999999\r\nx"),
    *(b"*2\r\n$1\r\n1\r\n*2\r\n$1\r\nc\r\n$1\r\n{\r\n", b"%1\r\n+a\r\n+b\r\n", b"-\r\n"),
)
STATES: Final[Sequence[Words]] = (
    (b"SCRIPT", b"FLUSH"),
    (b"FLUSHALL",),
    (b"CLIENT", b"KILL", b"TYPE", b"normal"),
    (b"CLIENT", b"KILL", b"TYPE", b"pubsub"),
    (b"CLIENT", b"PAUSE", b"300"),
    (b"CONFIG", b"SET", b"maxmemory", b"1"),
    (b"CONFIG", b"SET", b"min-replicas-to-write", b"1"),
    (b"CONFIG", b"SET", b"requirepass", b"secret"),
    (b"REPLICAOF", b"127.0.0.1", b"1"),
)
MENDING: Final[Sequence[Words]] = (
    (b"REPLICAOF", b"NO", b"ONE"),
    (b"CONFIG", b"SET", b"maxmemory", b"0"),
    (b"CONFIG", b"SET", b"min-replicas-to-write", b"0"),
    (b"CONFIG", b"SET", b"requirepass", b""),
)
VALUES: Final = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [
            *(b"", b"\0", b"{", b"\xff\xfe", b"-1", b"1e999", b"nan", 200_000 * b"x", b"}{"),
            *(b"019ab000-0000-7000-8000-000000000000", b"9" * 40, b'["status","1"]', b"[]"),
        ]
    ),
)


def harms(namespace: str, node_id: str) -> SearchStrategy[list[Harm]]:
    """Some of all that can be done, one after the other."""
    keys = st.sampled_from([_name(namespace, each, node_id) for each in KEYS])
    channels = st.sampled_from([_name(namespace, each, node_id) for each in CHANNELS])
    many = st.lists(VALUES, min_size=1, max_size=5)
    commands = st.one_of(
        _words(st.sampled_from([b"LPUSH", b"RPUSH", b"SADD"]), keys, many),
        _words(st.sampled_from([b"SET", b"APPEND"]), keys, VALUES),
        _words(st.just(b"ZADD"), keys, st.just(b"1"), VALUES),
        _words(st.just(b"HSET"), keys, VALUES, VALUES),
        _words(st.just(b"XADD"), keys, _stream_ids(), st.just(b"c"), VALUES),
        _words(st.just(b"XADD"), keys, _stream_ids(), VALUES, VALUES, VALUES, VALUES),
        _words(st.sampled_from([b"DEL", b"PERSIST"]), keys),
        _words(st.just(b"PEXPIRE"), keys, st.sampled_from([b"1", b"999999999"])),
        _words(st.just(b"RENAME"), keys, keys),
        _words(st.just(b"PUBLISH"), channels, VALUES),
        st.sampled_from(STATES),
    )
    one = st.one_of(
        commands.map(lambda command: Harm(command=command)),
        st.sampled_from(LIES).map(lambda lie: Harm(lie=lie)),
        _words(st.just(b"LPUSH"), keys, VALUES).map(
            lambda words: Harm(command=(*words[:2], *(1000 * words[2:])))
        ),
    )
    return st.lists(one, min_size=4, max_size=12)


def _stream_ids() -> SearchStrategy[bytes]:
    return st.sampled_from([b"*", b"*", b"18446744073709551615-18446744073709551615", b"0-1"])


def _name(namespace: str, rest: str, node_id: str) -> bytes:
    own = node_id if rest.endswith("s:") or rest == "inflight:" else ""
    return f"{{{namespace}}}:{rest}{own}".encode()


def _words(*parts: SearchStrategy[bytes] | SearchStrategy[list[bytes]]) -> SearchStrategy[Words]:
    return st.tuples(*parts).map(
        lambda found: tuple(
            word for part in found for word in (part if isinstance(part, list) else [part])
        )
    )

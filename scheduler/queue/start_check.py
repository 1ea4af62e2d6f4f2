"""What a node does on the server later, done once at the start, with keys of its own.

So a missing right (an ACL), or a server that keeps our keys elsewhere, is told at the start, by the
name of the command, and not by a job that never begins.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from redis.exceptions import MovedError, NoPermissionError

from scheduler.core.errors import QueueUnavailable, StartError
from scheduler.installation import page
from scheduler.queue.connections import ANSWER_S
from scheduler.queue.keys import Keys
from scheduler.queue.server import Server

SCRIPT: Final = "return 1"

Command = tuple[str | float, ...]


def commands(keys: Keys) -> Sequence[Command]:
    """Every command that a node sends, and that its scripts call."""
    kinds = ("list", "set", "text", "stream", "zset", "hash")
    a_list, a_set, text, stream, scores, fields = map(keys.check, kinds)
    begin_and_end = ("DEL", a_list, a_set, text, stream, scores, fields)
    return [
        begin_and_end,
        ("RPUSH", a_list, "1"),
        ("LPUSH", a_list, "1"),
        ("RPOP", a_list),
        ("RPUSH", a_list, "1", "1"),
        ("LLEN", a_list),
        ("LMOVE", a_list, a_list, "LEFT", "RIGHT"),
        ("BLPOP", a_list, 0.01),
        ("LRANGE", a_list, 0, 0),
        ("LREM", a_list, 1, "1"),
        ("SADD", a_set, "1"),
        ("SRANDMEMBER", a_set, 1),
        ("SISMEMBER", a_set, "1"),
        ("SREM", a_set, "1"),
        ("ZADD", scores, 1, "1", 2, "2"),
        ("ZCARD", scores),
        ("ZSCORE", scores, "1"),
        ("ZRANGE", scores, 0, 0),
        ("ZPOPMIN", scores),
        ("ZREM", scores, "1"),
        ("ZREMRANGEBYRANK", scores, 0, 0),
        ("HSET", fields, "1", "1"),
        ("HGET", fields, "1"),
        ("HMGET", fields, "1"),
        ("HLEN", fields),
        ("HKEYS", fields),
        ("HDEL", fields, "1"),
        ("SET", text, "1"),
        ("GET", text),
        ("EXISTS", text),
        ("TYPE", text),
        ("PEXPIRE", text, 60_000),
        ("PTTL", text),
        ("XADD", stream, "*", "c", ""),
        ("XRANGE", stream, "-", "+"),
        ("XREVRANGE", stream, "+", "-"),
        ("XREAD", "COUNT", 1, "BLOCK", 1, "STREAMS", stream, "0"),
        ("PUBLISH", keys.check("channel"), ""),
        ("SCRIPT LOAD", SCRIPT),
        ("EVALSHA", hashlib.sha1(SCRIPT.encode()).hexdigest(), 1, text),  # noqa: S324 - as Redis does
        ("MULTI",),
        ("EXEC",),
        begin_and_end,
    ]


async def check_server(server: Server, keys: Keys) -> None:
    """Do each thing once.

    Raises:
        StartError: the server will never take one of them.
        QueueUnavailable: it does not now.
    """
    try:
        async with server.answering(), server.commands.pipeline(transaction=False) as pipe:
            for command in commands(keys):
                pipe.execute_command(*command)
            answers = await pipe.execute(raise_on_error=False)
            for command, answer in zip(commands(keys), answers, strict=True):
                if isinstance(answer, Exception):
                    _tell_missing_right(server, str(command[0]), answer)
                    raise answer
        await _check_subscribing(server, keys)
    except QueueUnavailable as error:
        if isinstance(error.__cause__, MovedError) and server.is_plain:
            raise StartError(
                f"[queue] url: {server.where} is a node of a Redis Cluster, and another one has the"
                f" keys of [queue] namespace {keys.namespace!r}; with redis+cluster:// in place of"
                " redis:// it is found"
            ) from error
        raise


async def _check_subscribing(server: Server, keys: Keys) -> None:
    channel, name = keys.check("channel"), ""
    try:
        async with server.answering(), server.blocking.pubsub() as pubsub:
            for name in ("subscribe", "unsubscribe"):
                await getattr(pubsub, name)(channel)
                await pubsub.get_message(timeout=ANSWER_S)
    except QueueUnavailable as error:
        _tell_missing_right(server, name.upper(), error.__cause__)
        raise


def _tell_missing_right(server: Server, command: str, error: BaseException | None) -> None:
    """Raise if a command was refused for a right that the user does not have."""
    if isinstance(error, NoPermissionError) or "NOPERM" in str(error):
        raise StartError(
            f"[queue] url: {server.where} refuses {command}: {error};"
            f" {page('docs/redis.md')} has the rights that a node needs"
        )

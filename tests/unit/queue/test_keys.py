"""The names of the keys, and why they have braces."""

from __future__ import annotations

import pytest
from redis.crc import key_slot

from scheduler.core.errors import StartError
from scheduler.queue.keys import Keys


def names(keys: Keys) -> list[str]:
    return [
        *keys.of_users,
        *(keys.earlier, keys.earlier_epoch, keys.nodes, keys.store, keys.changes),
        *(keys.inflight("n"), keys.abort("j"), keys.aborts("n"), keys.changed("j")),
    ]


@pytest.mark.parametrize("namespace", ["scheduler", "a b", "ä:1"])
def test_a_redis_cluster_has_all_keys_of_a_namespace_in_one_slot(namespace: str) -> None:
    """It refuses commands and scripts whose keys are in two slots."""
    found = names(Keys(namespace))

    assert len({key_slot(name.encode()) for name in found}) == 1
    assert len(set(found)) == len(found)


def test_two_namespaces_share_no_key() -> None:
    assert not set(names(Keys("a"))) & set(names(Keys("b")))


@pytest.mark.parametrize("namespace", ["", "{a", "a}"])
def test_a_namespace_that_would_be_no_hash_tag_is_refused(namespace: str) -> None:
    """Redis does not take `{}` for a tag, and ends a tag at the first closing brace."""
    with pytest.raises(StartError, match="namespace"):
        Keys(namespace)

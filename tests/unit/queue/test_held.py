"""The ids that a node holds, and how the server knows them."""

from __future__ import annotations

from scheduler.queue.held import Held


def test_an_id_is_known_by_the_entry_with_which_it_came() -> None:
    """One from a node of an earlier version has no user, and is acknowledged as it came."""
    held = Held()
    assert [held.add("1/u"), held.add("1"), held.add("2/a/b")] == ["1", "1", "2"]
    assert held.known(["1"]) == ["1/u"]
    assert sorted(held.known(["1", "1", "2", "3"])) == ["1", "1/u", "2/a/b"]

    held.drop(["1", "2", "3"])
    assert held.known(["1", "1", "2"]) == ["1"]
    held.drop(["1"])
    assert not held


def test_what_the_server_was_not_told_of_is_not_known_to_it() -> None:
    """A job that is over by then is never told at all."""
    held = Held()
    held.add_unknown("1/u")
    held.add("1/u")
    assert held.has_unknown()
    assert held.known(["1", "1"]) == ["1/u"]
    held.drop(["1"])
    assert not held.has_unknown()

    held.add_unknown("2/u")
    assert sorted(held.all_known()) == ["1/u", "2/u"]
    assert held.known(["2"]) == ["2/u"]


def test_what_is_let_go_while_the_server_compares_is_gone() -> None:
    """The server may have added it again after it had let it go."""
    held = Held()
    for entry in ("1/u", "2/u", "3/u"):
        held.add(entry)
    told = held.all_known()
    held.drop(["1"])
    held.releasing["2/u"] += 1
    held.add("4/u")

    assert sorted(held.gone(told)) == ["1/u", "2/u"]

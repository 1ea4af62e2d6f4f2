"""Labels: which jobs a node takes."""

from __future__ import annotations

import pytest

from scheduler.core.handler import REGISTERED, handler
from scheduler.core.places.labels import Place, is_label, lane_of, needs, needs_of


@pytest.mark.parametrize(
    ("place", "needed", "taken"),
    [
        (Place(), (), True),
        (Place(), ("gpu",), False),
        (Place(("gpu",)), (), True),
        (Place(("gpu",)), ("gpu",), True),
        (Place(("gpu",)), ("gpu", "zone=eu"), False),
        (Place(("gpu", "zone=eu"), ("gpu",)), ("zone=eu",), False),
        (Place(("gpu", "zone=eu"), ("gpu",)), ("gpu", "zone=eu"), True),
        (Place(("gpu", "zone=eu"), ("gpu",)), (), False),
    ],
)
def test_a_node_takes_what_needs_no_more_than_it_has(
    place: Place, needed: tuple[str, ...], *, taken: bool
) -> None:
    """And with `only`, nothing else than what needs one of these."""
    assert place.takes(needed) is taken
    assert place.takes_lane(lane_of(needed)) is taken


def test_the_same_needs_are_the_same_lane() -> None:
    found = needs(["zone=eu", "gpu"], ("gpu",))

    assert found == ("gpu", "zone=eu")
    assert needs_of(lane_of(found)) == found
    assert needs_of(lane_of(())) == needs_of(None) == ()


@pytest.mark.parametrize("wrong", ["", "a b", "a,b", "a/b", "a:b", "=a", "a\n", "x" * 64, 1, None])
def test_what_separates_labels_elsewhere_is_in_none(wrong: object) -> None:
    assert not is_label(wrong)


@pytest.mark.parametrize("right", ["gpu", "gpu=h100", "zone=eu-1", "A.b_c", "x" * 63])
def test_labels_are_words(right: str) -> None:
    assert is_label(right)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("gpu", "a tuple of labels"),
        (7, "a tuple of labels"),
        (("a b",), "'a b' is no label"),
        (tuple(map(str, range(9))), "8 labels, not 9"),
    ],
)
def test_a_handler_that_needs_something_else_is_refused(wrong: object, said: str) -> None:
    """A text is a tuple of letters, which nobody means."""
    with pytest.raises((TypeError, ValueError), match=said):
        handler("x", needs=wrong)  # type: ignore[arg-type]


def test_a_handler_needs_labels_in_order() -> None:
    @handler("x", needs=["zone=eu", "gpu"])
    def x(_data: object) -> None: ...

    assert REGISTERED.pop().options.needs == ("gpu", "zone=eu")

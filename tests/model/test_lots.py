"""A lot keeps its promises, however the steps of node and process interleave."""

from __future__ import annotations

import pytest

from tests.model.effort import explore_alone
from tests.model.machines.lot_machine import LotMachine


@pytest.mark.timeout(0)
def test_no_interleaving_hits_a_bystander_or_loses_an_end() -> None:
    """No job begins that was taken back, and only the last one that began can be cut short."""
    explore_alone(LotMachine, examples=700, steps=40)

"""Single aborts on a node that asks for tokens, with and without others who try out tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from bench.cases.abort_load import JUNK
from bench.cases.abort_scenarios import RATE, load, one_by_one
from bench.harness.run import say
from bench.harness.samples import Row
from bench.ours.node import open_node
from scheduler.core.access.token import new_secret

ABORTS: Final = 20
"""In a round, of each case."""


async def measure_junk(folder: Path, rounds: int) -> Sequence[Mapping[str, Any]]:
    """Abort jobs one by one, in turn without and with junk, after a round that does not count."""
    quiet = Row(case="ours, with tokens, C loop")
    flooded = Row(case=f"the same, {RATE} junk tokens and logins/s")
    auth = {"AUTH__MODE": "tokens", "AUTH__ADMIN_TOKEN": new_secret().text}
    async with open_node(folder / "tokens", NODE__WORKERS=2, **auth) as node:
        for number in range(rounds + 1):
            say(f"round {number} of {rounds}: junk" if number else "warming up")
            alone = await one_by_one(node, "loop", times=ABORTS)
            async with load(node, JUNK) as answered:
                among = await one_by_one(node, "loop", times=ABORTS)
            if number:
                quiet.rounds.append(alone)
                rate = answered.result()
                flooded.rounds.append([replace(each, requests_per_s=rate) for each in among])
    return [quiet.figures(), flooded.figures()]

"""`python -m tests.attacks [NAME …]`: a table of what users notice of each attack; see the package.

Status 1 where a promise of docs/operating.md does not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.attacks import ATTACKS
from tests.attacks.attack import Attack
from tests.attacks.run import attacked, hold, limited_node
from tests.attacks.users import Notes, percentile

HEAD = "| attack | health p99 | longest | abort p99 | longest | memory | failed | the job |"
HEALTH_MS = 50.0


def row(attack: Attack, notes: Notes) -> str:
    """What one attack did, as a row of the table."""
    health, abort = notes.health_ms, notes.abort_ms
    times = (percentile(health, 0.99), max(health), percentile(abort, 0.99), max(abort))
    return (
        f"| {attack.name} | {' | '.join(f'{ms:.0f} ms' for ms in times)} "
        f"| {notes.before_mb:.0f} → {notes.memory_mb:.0f} MB "
        f"| {len(notes.failures)} of {len(health) + len(abort)} "
        f"| {notes.status}, attempt {notes.attempt} |"
    )


def is_well(notes: Notes) -> bool:
    """Whether the node kept its promises."""
    ran_on = (notes.status, notes.attempt) == ("running", 1)
    return ran_on and not notes.failures and percentile(notes.health_ms, 0.99) <= HEALTH_MS


async def run(attacks: Sequence[Attack], seconds: float) -> bool:
    """Run attacks one after the other, each against a new node; whether all went well."""
    print(HEAD, "|---|--:|--:|--:|--:|--:|--:|---|", sep="\n", flush=True)
    well = True
    for attack in attacks:
        with TemporaryDirectory(prefix="attacks-") as folder:
            node = limited_node(Path(folder), attack.descriptors)
            try:
                notes = await attacked(attack, node, seconds=seconds)
            finally:
                node.close()
        print(row(attack, notes), flush=True)
        for failure in dict.fromkeys(notes.failures):
            print(f"    {failure}", flush=True)
        well &= is_well(notes)
    return well


def main() -> int:
    """Hold one attack, or run those that are named."""
    arguments = argparse.ArgumentParser(prog="python -m tests.attacks", description=__doc__)
    arguments.add_argument("names", nargs="*", help="all of them, if none is named")
    arguments.add_argument("--seconds", type=float, default=10)
    arguments.add_argument("--hold", nargs=2, metavar=("NAME", "URL"))
    parsed = arguments.parse_args()
    if parsed.hold:
        asyncio.run(hold(*parsed.hold))
        return 0
    chosen = [each for each in ATTACKS if not parsed.names or each.name in parsed.names]
    return 0 if asyncio.run(run(chosen, parsed.seconds)) else 1


if __name__ == "__main__":
    sys.exit(main())

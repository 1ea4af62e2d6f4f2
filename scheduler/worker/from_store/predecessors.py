"""How the predecessors of claimed jobs ended, for the jobs themselves.

Looked up only where there are any, once for all jobs of a call that come after the same ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from scheduler.core.dependencies.resolving import EndedPredecessor
from scheduler.core.dependencies.results import RESULTS_BYTES_MAX
from scheduler.core.job import Claim, Purpose
from scheduler.core.ports.store import Store


async def with_results(store: Store, claims: Sequence[Claim]) -> Sequence[Claim]:
    """The claims, each with how its job's predecessors ended.

    Raises:
        StoreUnavailable: nobody knows now. The claims are held all the same.
    """
    waited = [claim for claim in claims if claim.after is not None]
    sets = list(dict.fromkeys(ids for claim in waited if (ids := _ids(claim))))
    if not sets:
        return claims
    found = await store.dependencies.ended_predecessors(sets, chars_max=RESULTS_BYTES_MAX)
    by_ids = {
        ids: {each.id: each for each in ended} for ids, ended in zip(sets, found, strict=True)
    }
    return [replace(claim, results=_frames(claim, by_ids.get(_ids(claim), {}))) for claim in claims]


def _ids(claim: Claim) -> tuple[str, ...]:
    """The predecessors that the handler may ask for; those of a clean-up are none of its matter."""
    if claim.after is None or claim.purpose is Purpose.CLEAN:
        return ()
    return claim.after.ids


def _frames(claim: Claim, ended: Mapping[str, EndedPredecessor]) -> Sequence[Mapping[str, Any]]:
    """What the handler is told of each, in the order in which the job names them."""
    predecessors = () if claim.after is None else claim.after.predecessors
    return [_frame(ref, ended[job_id]) for job_id, ref in predecessors if job_id in ended]


def _frame(ref: str | None, ended: EndedPredecessor) -> Mapping[str, Any]:
    error = ended.error
    return {
        "id": ended.id,
        "ref": ref,
        "status": ended.status,
        "error": error and {"kind": error.kind, "type": error.type, "message": error.message},
        "result": ended.result,
        "chars": ended.chars,
    }

"""How the predecessors of a job ended, for the handler of the job: `job.after["a"].result`.

Light: each pool process loads it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

RESULTS_BYTES_MAX: Final = 1024 * 1024
"""How much of its predecessors' results a job gets, as JSON: as much as its own data may have."""


NAMED_MAX: Final = 10
"""How many predecessors the message names for a name that is none."""


class ResultLeftOut(LookupError):
    """The results of the predecessors are together larger than what is handed over."""


class Ended:
    """How a predecessor ended.

    Attributes:
        id: the job's id.
        ref: what the request called it that submitted both, or None.
        status: `successful`, `terminated` or `aborted`.
        error: why it was terminated: a dict with `kind`, `type` and `message`; else None.
    """

    def __init__(self, frame: Mapping[str, Any]) -> None:
        self.id: str = frame["id"]
        self.ref: str | None = frame["ref"]
        self.status: str = frame["status"]
        self.error: dict[str, Any] | None = frame["error"]
        self._text: str | None = frame["result"]
        self._chars: int | None = frame["chars"]

    @property
    def result(self) -> Any:  # noqa: ANN401 - any JSON value
        """What its handler returned; None where it was not successful.

        Raises:
            ResultLeftOut: all results together are too large; the API has this one.
        """
        if self._text is not None:
            return json.loads(self._text)
        if self._chars is None:
            return None
        raise ResultLeftOut(
            f"the result of {self.id} has {self._chars} characters, and a job gets at most "
            f"{RESULTS_BYTES_MAX} bytes of its predecessors' results; read it from the API"
        )

    def __repr__(self) -> str:
        return f"<{self.id} {self.status}>"


class EndedJobs(Mapping[str, Ended]):
    """The predecessors of a job, by their refs and by their ids.

    Iterating gives the ids, in the order in which the job names them.
    """

    def __init__(self, frames: Sequence[Mapping[str, Any]] = ()) -> None:
        self._by_id = {frame["id"]: Ended(frame) for frame in frames}
        self._by_ref = {each.ref: each for each in self._by_id.values() if each.ref is not None}

    def __getitem__(self, name: str) -> Ended:
        found = self._by_ref.get(name) or self._by_id.get(name)
        if found is None:
            names = [repr(each.ref or each.id) for each in self._by_id.values()]
            known = ", ".join(names[:NAMED_MAX]) + (", …" if len(names) > NAMED_MAX else "")
            raise KeyError(f"this job does not come after {name!r}, but after {known or 'no job'}")
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_id)

    def __len__(self) -> int:
        return len(self._by_id)


NONE: Final = EndedJobs()
"""Of a job that waited for nothing."""

"""A node that trusts for an hour what it has read of a token: only messages can make it look."""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> int:
    """Run a node."""
    sys.path.insert(0, str(Path(__file__).parents[2]))
    from scheduler import cli
    from scheduler.api.access import gate
    from scheduler.service.access import known

    known.KNOWN_S = gate.LOOK_S = 3600.0  # type: ignore[misc]
    return cli.main()


if __name__ == "__main__":
    sys.exit(main())

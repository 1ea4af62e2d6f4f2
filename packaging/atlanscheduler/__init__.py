"""The installed AtlanScheduler. Its packages are in a folder of their own, below this one.

`scheduler` is a name that another package may have. That one stays as it is, and is what other
programs of the environment import. Only the processes of a node see ours first.
"""

import sys
from pathlib import Path


def main() -> int:
    """Run the command line; returns its exit status."""
    sys.path.insert(0, str(Path(__file__).parent))
    from scheduler.cli import main as run  # noqa: PLC0415 - found by the line above

    return run()

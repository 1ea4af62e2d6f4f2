"""AtlanScheduler: `python main.py` runs a node, `python main.py --help` says what else."""

import sys

from scheduler.cli import main

if __name__ == "__main__":
    sys.exit(main())

"""The process that loads the handlers folder for `doctor`, and says what came of it as JSON."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from scheduler.core.errors import StartError
from scheduler.processes.child.loading.importing import load


def main() -> None:
    """Load the folder that the argument names. Only the answer gets to standard output."""
    answer = os.dup(1)
    os.dup2(2, 1)  # what is printed at import
    try:
        names, fault = sorted(load(Path(sys.argv[1]))), None
    except (StartError, OSError) as error:
        names, fault = [], str(error)
    os.write(answer, json.dumps([names, fault]).encode())
    os._exit(0)  # threads that the files have started do not delay the end


if __name__ == "__main__":
    main()

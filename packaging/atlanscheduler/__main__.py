"""The same as the command `atlanscheduler`, for `python -m atlanscheduler`."""

import sys

from atlanscheduler import main

sys.exit(main())

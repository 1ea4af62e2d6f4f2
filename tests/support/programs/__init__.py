"""Programs that tests need and no Python package brings: nginx, Chromium, Debian's Redis.

table.py      which they are, and where they are found
__main__.py   brings those that are missing; `make test` runs it
left_out.py   the last line of a test run: which tests could not run, and what brings them in
"""

from tests.support.programs.table import program

__all__ = ["program"]

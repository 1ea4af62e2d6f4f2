"""The names that a schema of a database may have."""

from __future__ import annotations

import re
from typing import Final

SCHEMA_WORDS: Final = (
    "1 to 63 letters, digits, _ and -, which begin with a letter or _ and not with pg_"
)
_SCHEMA: Final = re.compile(r"(?!pg_|information_schema$)[A-Za-z_][A-Za-z0-9_-]{0,62}")


def is_schema(name: str) -> bool:
    """Whether it is a name for a schema of ours; those with `pg_` are PostgreSQL's own."""
    return _SCHEMA.fullmatch(name) is not None

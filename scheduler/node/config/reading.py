"""Reads a configuration without checking it: for the command line too, so without pydantic."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Final

from scheduler.core.errors import StartError

FILE: Final = Path("config.toml")
"""Read if no other file is named; it may be missing."""
HOST: Final = re.compile(r"[^\s,]{1,255}")
HOSTS_MAX: Final = 32
HOSTS_ALLOWED: Final = "a host name or an IP address, or a list of them"
PORT_MAX: Final = 65_535


def document(path: Path | None) -> dict[str, object]:
    """What a file has, or `config.toml` if there is one.

    Raises:
        StartError: it cannot be read, or is not TOML.
    """
    file = path or FILE
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        if path is None:
            return {}
        raise StartError(f"{file}: {error.strerror}") from None
    except OSError as error:
        raise StartError(f"{file}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise StartError(f"{file}: not a TOML file: {error}") from None


def scalar(text: str) -> object:
    """The text as a TOML value; other text is kept, and validation says what is allowed."""
    try:
        found = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return found["value"] if len(found) == 1 else text


def hosts(given: object, form: re.Pattern[str] = HOST) -> tuple[str, ...]:
    """One host, or several, of a form; a text may have commas between, as in the environment.

    Raises:
        ValueError: it is neither.
    """
    several = given.split(",") if isinstance(given, str) else given
    if not isinstance(several, list | tuple) or not 1 <= len(several) <= HOSTS_MAX:
        raise ValueError(given)
    found = tuple(each.strip() if isinstance(each, str) else "" for each in several)
    if not all(map(form.fullmatch, found)) or not "".join(found).isprintable():
        raise ValueError(given)
    return found

"""What a service file says: `service=jobs` stands for the parameters of its section `[jobs]`."""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from pathlib import Path
from typing import Final

FILE: Final = ".pg_service.conf"
"""In the home folder, where `PGSERVICEFILE` names no other."""


def service_parameters(
    parameters: Mapping[str, str], environ: Mapping[str, str]
) -> Mapping[str, str]:
    """The parameters of the service that a URL or `PGSERVICE` names; else none.

    Raises:
        ValueError: there is no such service.
    """
    name = parameters.get("service") or environ.get("PGSERVICE")
    if not name:
        return {}
    file = Path(environ.get("PGSERVICEFILE") or Path("~", FILE).expanduser())
    sections = configparser.RawConfigParser(delimiters=("=",), comment_prefixes=("#",))
    try:
        sections.read_string(file.read_text("utf-8"))
        return {key: value for key, value in sections[name].items() if value}
    except OSError as error:
        raise ValueError(f"service = {name!r}: {file}: {error.strerror}") from None
    except KeyError:
        raise ValueError(f"service = {name!r}: {file} has no section [{name}]") from None
    except (configparser.Error, ValueError):  # whose text may quote a password
        raise ValueError(f"service = {name!r}: {file} is not a service file") from None

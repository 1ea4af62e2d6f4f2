"""The configuration: what an operator may set, read from a file and from the environment.

    config.toml  [http] port = 8000 ──┐
                                      ├─▶ Config, frozen and valid ─▶ node/assembly
    SCHEDULER_HTTP__PORT=9000 ────────┘

Nothing is guessed: an unknown key, or a value out of its bounds, stops the start with one line that
names the source, the key, the value and what is allowed.

`tomllib` and pydantic suffice. pydantic-settings was tried (2.16): it merges before it validates,
so an error cannot say whether the file or the environment is wrong; a misspelt section in the
environment is ignored; and `SCHEDULER_HTTP='{"port": 1}'` would be a second way to set a key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from scheduler.basics.urls import redacted
from scheduler.core.access.masking import masked
from scheduler.core.errors import StartError
from scheduler.node.config.auth import AuthSection
from scheduler.node.config.quotas import QuotasSection, quota_flaw
from scheduler.node.config.reading import FILE, document, scalar
from scheduler.node.config.sections import (
    AbortSection,
    FairnessSection,
    HandlersSection,
    HooksSection,
    HttpSection,
    LimitsSection,
    NodeSection,
    QueueSection,
    RetentionSection,
    Section,
    StoreSection,
    allowed,
)

FLAWS_SHOWN_MAX: Final = 5
VALUE_CHARS_MAX: Final = 80

SECRET: Final = re.compile(r"(?<=:)(?!//).*(?=@)|(?<=password=)[^\s&]+", re.IGNORECASE)
"""A password in text that is not a URL: `postgresql:/user:password@host`, `password=…`."""

FOREIGN: Final = re.compile(
    r"SCHEDULER_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_\w+)=|SCHEDULER_(\w+_)?PORT=\w+://"
)
"""Variables that Kubernetes sets in pods for a service named `scheduler` or `scheduler-…`."""


class Config(Section):
    """The whole configuration. Relative paths are relative to the working folder."""

    node: NodeSection = NodeSection()
    http: HttpSection = HttpSection()
    auth: AuthSection = AuthSection()
    store: StoreSection = StoreSection()
    queue: QueueSection = QueueSection()
    abort: AbortSection = AbortSection()
    handlers: HandlersSection = HandlersSection()
    limits: LimitsSection = LimitsSection()
    hooks: HooksSection = HooksSection()
    retention: RetentionSection = RetentionSection()
    fairness: FairnessSection = FairnessSection()
    quotas: QuotasSection = QuotasSection()


SECTIONS: Final[Mapping[str, type[Section]]] = {
    name: type(getattr(Config(), name)) for name in Config.model_fields
}
"""The model of each section, by its name."""

VARIABLES: Final = {
    f"SCHEDULER_{section}__{key}".upper(): (section, key)
    for section, model in SECTIONS.items()
    for key in model.model_fields
}
"""The section and key that each environment variable overrides."""
QUOTAS_VARIABLE: Final = "SCHEDULER_QUOTAS"
"""Overrides the section as a whole: its tables have names that no variable can have."""

PRIVATE: Final = frozenset({*VARIABLES, "ATLANSCHEDULER_TOKEN"})
"""What no handler finds in its environment: it may hold passwords, or the operator's own token."""


def load(path: Path | None, environ: Mapping[str, str]) -> Config:
    """Read `path`, or `config.toml` if there is one, and let `environ` override its keys.

    Raises:
        StartError: one line with all errors, or with the first five and the number of the others.
    """
    file, found = path or FILE, document(path)
    overrides = {VARIABLES[name]: text for name, text in environ.items() if name in VARIABLES}
    flaws = list(_unknown_variables(environ))
    merged, source = _merged(found, overrides), str(file)
    if (text := environ.get(QUOTAS_VARIABLE)) is not None:
        merged["quotas"], source = scalar(text), f"environment: {QUOTAS_VARIABLE}"
    try:
        config = Config.model_validate(merged)
    except ValidationError as error:
        flaws += [
            _quotas_flaw(detail, source)
            if detail["loc"][0] == "quotas"
            else _flaw(detail, file, overrides)
            for detail in error.errors()
        ]
    if flaws:  # not raised in the `except`: pydantic's error has the values, even passwords
        more = len(flaws) - FLAWS_SHOWN_MAX
        line = "; ".join(flaws[:FLAWS_SHOWN_MAX]) + (f"; and {more} more" if more > 0 else "")
        raise StartError(masked(line))
    return config


def _merged(
    found: Mapping[str, object], overrides: Mapping[tuple[str, str], str]
) -> dict[str, object]:
    """The sections of the file, with the values of the environment."""
    merged = {name: dict(keys) if isinstance(keys, dict) else keys for name, keys in found.items()}
    for (section, key), text in overrides.items():
        keys = merged.setdefault(section, {})
        if isinstance(keys, dict):
            is_text = SECTIONS[section].model_fields[key].annotation is str
            keys[key] = text if is_text else scalar(text)
    return merged


def _unknown_variables(environ: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(environ):
        ours = name.startswith("SCHEDULER_") and not FOREIGN.match(f"{name}={environ[name]}")
        if ours and name not in VARIABLES and name != QUOTAS_VARIABLE:
            meant = _nearest(name, [*VARIABLES, QUOTAS_VARIABLE])
            yield f"environment: {name}: unknown{meant} (form: SCHEDULER_SECTION__KEY)"


def _flaw(detail: ErrorDetails, file: Path, overrides: Mapping[tuple[str, str], str]) -> str:
    """The message for one error: where it is, what is there, and what is allowed."""
    match (detail["type"], *detail["loc"]):
        case "extra_forbidden", str(key) if not isinstance(detail["input"], dict | list):
            return f"{file}: {_shown(key)} stands in no section{_sections_with(key)}"
        case "extra_forbidden", str(section):
            meant = _nearest(section, SECTIONS)
            return (
                f"{file}: unknown section {_shown(section)}{meant} (known: {', '.join(SECTIONS)})"
            )
        case "extra_forbidden", str(section), str(key):
            keys = SECTIONS[section].model_fields
            meant = _nearest(key, keys)
            return (
                f"{file}: [{section}] unknown key {_shown(key)}{meant} (known: {', '.join(keys)})"
            )
        case "value_error", str(section):
            return f"[{section}] {detail['ctx']['error']}"
        case _, str(section), str(key), *_:
            return _wrong_value(detail, section, key, file, overrides)
        case _, section:
            return f"{file}: {section} = {_shown(detail['input'])}: must be a section, [{section}]"
        case unforeseen:
            raise AssertionError(unforeseen)


def _quotas_flaw(detail: ErrorDetails, source: str) -> str:
    """The message for one error in `[quotas]`."""
    return f"{source}: {quota_flaw(detail, _shown(detail['input']))}"


def _wrong_value(
    detail: ErrorDetails,
    section: str,
    key: str,
    file: Path,
    overrides: Mapping[tuple[str, str], str],
) -> str:
    field = SECTIONS[section].model_fields[key]
    is_text = detail["type"] == "string_type" and field.annotation is str
    must = f"must be {'a text: ' if is_text else ''}{allowed(field)}"
    if detail["type"] == "value_error" and len(detail["loc"]) > 2:  # of one item in a list
        must += f"; {detail['ctx']['error']}"
    shown = _shown(overrides.get((section, key), detail["input"])) if field.repr else "***"
    if (section, key) in overrides:
        return f"environment: SCHEDULER_{section.upper()}__{key.upper()} = {shown}: {must}"
    return f"{file}: [{section}] {key} = {shown}: {must}"


def _sections_with(key: str) -> str:
    """The sections that have such a key."""
    sections = [f"[{name}]" for name, model in SECTIONS.items() if key in model.model_fields]
    return f"; such a key is in {' and '.join(sections)}" if sections else ""


def _nearest(name: str, known: Iterable[str]) -> str:
    return "".join(f"; did you mean {each}?" for each in get_close_matches(name, known, n=1))


def _shown(value: object) -> str:
    """A value nearly as TOML writes it: on one line, without a password, and not too long."""
    text = redacted(json.dumps(value, default=str, ensure_ascii=False))
    text = SECRET.sub("***", text)
    return text if len(text) <= VALUE_CHARS_MAX else text[:VALUE_CHARS_MAX] + "…"

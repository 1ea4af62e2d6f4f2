"""Reads the Dockerfile: there may be no container engine here that would build it."""

from __future__ import annotations

import re

from tests.support.nodes import ROOT


def instructions() -> list[tuple[str, str]]:
    """The lines of the Dockerfile as instruction and argument, continued lines joined."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = filter(None, text.replace("\\\n", " ").splitlines())
    return [(word, argument) for word, _, argument in (line.partition(" ") for line in lines)]


def arguments(wanted: str) -> list[str]:
    """What follows each of these instructions."""
    return [argument for word, argument in instructions() if word == wanted]

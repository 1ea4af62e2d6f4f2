"""What a job prints or a user sends must not act on the terminal that shows it."""

from __future__ import annotations

import json

import pytest

from scheduler.basics.visible import escaped, escaped_json, plain

HARMFUL = [
    *("\x00", "\x07", "\x1b", "\r", "\x7f", "\x80", "\x85", "\x9b", "\x9f"),
    *("\u061c", "\u200e", "\u200f", "\u2028", "\u2029"),
    *("\u202a", "\u202b", "\u202c", "\u202d", "\u202e", "\u2066", "\u2067", "\u2068", "\u2069"),
]
HARMLESS = "\t\n aä€😀שלום\u200d\xa0~"


@pytest.mark.parametrize("character", HARMFUL)
def test_what_acts_on_a_terminal_is_not_shown_as_it_is(character: str) -> None:
    """U+009B begins commands like ESC [ does; U+202E turns what follows around."""
    text = f"a{character}b"
    assert plain(text) == "a\N{REPLACEMENT CHARACTER}b"
    assert escaped(text) == f"a\\u{ord(character):04x}b"
    shown = escaped_json(json.dumps({text: [text]}, ensure_ascii=False))
    assert character not in shown
    assert json.loads(shown) == {text: [text]}


def test_all_else_is_shown_as_it_is() -> None:
    """Every script, emoji of several parts, tabs and line breaks."""
    assert plain(HARMLESS) == escaped(HARMLESS) == HARMLESS
    shown = json.dumps(HARMLESS, ensure_ascii=False)
    assert escaped_json(shown) == shown
    assert escaped_json('"ascii\\n"') == '"ascii\\n"'

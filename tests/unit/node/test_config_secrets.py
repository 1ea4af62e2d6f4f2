"""What is wrong with the configuration is told without the secrets in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from scheduler.core.access.token import Secret
from scheduler.core.errors import StartError
from scheduler.node.config.loading import PRIVATE, VARIABLES, load

STORE, QUEUE, HOOKS = "stores-password", "queues-password", "aG9va3Mta2V5LWhvb2tzLWtleS1ob29rcw=="
TOKEN = Secret("0" * 12, "firstfirstfirstfirstfirstfirstfirstfirst123")
SECRETS = (STORE, QUEUE, HOOKS, TOKEN.secret)

VALUES = {
    "no such scheme": ("STORE__URL", f"postgresqll://ada:{STORE}@127.0.0.1/x"),
    "one slash": ("STORE__URL", f"postgresql:/ada:{STORE}@127.0.0.1/x"),
    "control character": ("STORE__URL", f"postgresql://ada:{STORE}\n@127.0.0.1/x"),
    "parameter": ("STORE__URL", f"postgresqll://h/x?user=a&password={STORE}"),
    "queue": ("QUEUE__URL", f"redi://:{QUEUE}@127.0.0.1"),
    "no base64": ("HOOKS__SECRET", f"whsec_{HOOKS}?"),
    "no prefix": ("HOOKS__SECRET", HOOKS),
    "token too long": ("AUTH__ADMIN_TOKEN", f"{TOKEN.text}x"),
    "no such key": ("AUTH__ADMIN_TOKN", TOKEN.text),
    "no such section": ("STOR__URL", f"postgresql://ada:{STORE}@h/x"),
    "another key": ("NODE__WORKERS", TOKEN.text),
    "yet another key": ("LIMITS__BULK_JOBS_MAX", f"whsec_{HOOKS}"),
}
FILES = {
    "typing error": f'[store]\nurl = "postgresqll://ada:{STORE}@h/x"\n[hooks]\nsecret = "{HOOKS}"',
    "lists": f'[queue]\nurl = ["redis://:{QUEUE}@h"]\n[auth]\nadmin_token = ["{TOKEN.text}"]',
    "unknown key": f'[auth]\nadmin_token = "{TOKEN.text}x"\nadmin_tokn = "{TOKEN.text}"',
    "a table": f'[hooks]\nsecret = {{a = "whsec_{HOOKS}"}}\n[auth.groups]\nx = "{TOKEN.text}"',
    "no section": f'admin_token = "{TOKEN.text}"\n[stor]\nurl = "postgresql://a:{STORE}@h"',
    "unfinished": f'[hooks]\nsecret = "whsec_{HOOKS}',
    "no text": f"[store]\nurl = postgresql://ada:{STORE}@h/x",
}


@pytest.mark.parametrize("name", VALUES)
def test_a_variable_that_is_refused_shows_no_secret(name: str) -> None:
    """The line goes into the log of a service manager, or into a chat where somebody asks why."""
    key, value = VALUES[name]
    with pytest.raises(StartError) as refused:
        load(None, {f"SCHEDULER_{key}": value})
    assert [secret for secret in SECRETS if secret in str(refused.value)] == []
    assert refused.value.__context__ is None, "a traceback would show what was read"


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_refused_shows_no_secret(name: str, tmp_path: Path) -> None:
    """At a wrong place of it, too, and where it is no TOML."""
    file = tmp_path / "config.toml"
    file.write_text(FILES[name])
    with pytest.raises(StartError) as refused:
        load(file, {})
    assert [secret for secret in SECRETS if secret in str(refused.value)] == []


def test_no_setting_and_no_token_of_the_operator_is_for_handlers() -> None:
    """A shell in which somebody has used the command line is where a node is started, too."""
    assert {*VARIABLES, "ATLANSCHEDULER_TOKEN"} <= PRIVATE

"""Where the commands look for a node: what the node itself takes from file and environment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scheduler.cli.node_url import configured_url
from scheduler.core.errors import StartError
from scheduler.node.config.loading import load
from tests.support.nodes import ROOT


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_without_a_configuration_it_is_the_default(tmp_path: Path) -> None:
    """As for a node that is started in such a folder."""
    assert configured_url(None, {})[:2] == ("http://127.0.0.1:8000", "the default")
    (tmp_path / "config.toml").write_text("[node]\nworkers = 2")
    assert configured_url(None, {})[:2] == ("http://127.0.0.1:8000", "the default")


def test_the_file_in_the_folder_says_where_the_node_is(tmp_path: Path) -> None:
    """Who has set another port must not have to repeat it with each command."""
    (tmp_path / "config.toml").write_text('[http]\nhost = "10.1.2.3"\nport = 9000')
    assert configured_url(None, {})[:2] == ("http://10.1.2.3:9000", "from config.toml")


def test_another_file_counts_where_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[http]\nport = 9000")
    (tmp_path / "own.toml").write_text("[http]\nport = 9001")
    assert configured_url(Path("own.toml"), {})[:2] == ("http://127.0.0.1:9001", "from own.toml")


def test_the_environment_overrides_the_file_key_by_key(tmp_path: Path) -> None:
    """As it does for the node, and the message has to say so: nobody sees it in the file."""
    (tmp_path / "config.toml").write_text('[http]\nhost = "a.example"\nport = 9000')
    url, source, _ = configured_url(None, {"SCHEDULER_HTTP__PORT": "9002"})
    assert url == "http://a.example:9002"
    assert source == "from config.toml and SCHEDULER_HTTP__PORT in the environment"


@pytest.mark.parametrize(
    ("host", "there"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),  # noqa: S104 - it is only read
        ("::", "127.0.0.1"),
        ("0:0::0", "127.0.0.1"),
        ("::1", "[::1]"),
        ("fd00::5", "[fd00::5]"),
        ("node.example", "node.example"),
        ("10.0.0.1, 10.0.0.2", "10.0.0.1"),
        ('["::1", "127.0.0.1"]', "[::1]"),
    ],
)
def test_each_host_that_a_node_takes_is_found(host: str, there: str) -> None:
    """All addresses are no address: a connection goes to one of them."""
    environ = {"SCHEDULER_HTTP__HOST": host}
    load(None, environ)  # the node takes it
    assert configured_url(None, environ).url == f"http://{there}:8000"


@pytest.mark.parametrize(
    ("text", "variable", "scheme"),
    [
        ('tls_certificate = "node.pem"', None, "https"),
        ('tls_certificate = ""', None, "http"),
        ("", "node.pem", "https"),
        ('tls_certificate = "node.pem"', "", "http"),
    ],
)
def test_a_node_with_a_certificate_is_asked_by_https(
    tmp_path: Path, text: str, variable: str | None, scheme: str
) -> None:
    """It speaks nothing else, and nobody should have to name its URL for that."""
    (tmp_path / "config.toml").write_text(f"[http]\n{text}")
    environ = {} if variable is None else {"SCHEDULER_HTTP__TLS_CERTIFICATE": variable}
    assert configured_url(None, environ).url == f"{scheme}://127.0.0.1:8000"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[http", "config.toml: not a TOML file"),
        ("http = 1", "config.toml: http must be a section"),
        ('[http]\nport = "9000"', "config.toml: [http] port = '9000': must be an integer from 0"),
        ("[http]\nport = true", "config.toml: [http] port = True: must be an integer"),
        ("[http]\nport = 65536", "config.toml: [http] port = 65536: must be an integer"),
        ("[http]\nport = 0", "config.toml: [http] port = 0: the node took any free port"),
        ("[http]\nhost = 7", "config.toml: [http] host = 7: must be a host name"),
        ("[http]\nhost = []", "config.toml: [http] host = []: must be a host name"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "config.toml").write_text(text)
    with pytest.raises(StartError) as refused:
        configured_url(None, {})
    assert str(refused.value).startswith(said)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_named_must_be_there() -> None:
    with pytest.raises(StartError, match=r"own\.toml: No such file"):
        configured_url(Path("own.toml"), {})


def test_a_command_does_not_wait_for_what_only_a_node_needs() -> None:
    """Scripts run hundreds of them: pydantic alone would double their time."""
    heavy = "{'pydantic', 'aiohttp', 'asyncpg', 'redis', 'asyncio'}"
    code = f"import sys, scheduler.cli.app; print({heavy} & set(sys.modules))"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "set()"

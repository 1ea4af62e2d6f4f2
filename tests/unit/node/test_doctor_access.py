"""What `doctor` says of those who may ask the node, and of its certificate."""

from __future__ import annotations

from pathlib import Path

import pytest

from scheduler.core.finding import Finding, Level
from scheduler.node.config.loading import load
from scheduler.node.doctor.access import access_findings
from tests.support.servers.certificates import Authority

WIDE = {"SCHEDULER_HTTP__HOST": "0.0.0.0"}  # noqa: S104 - as in a container
PROXY = {"SCHEDULER_AUTH__MODE": "proxy", "SCHEDULER_AUTH__PROXIES": '["10.0.0.7/32"]'}
GROUPS = {"SCHEDULER_AUTH__GROUPS": '{ops = {role = "operator", uids = ["*"]}}'}


def findings(folder: Path, **environ: str) -> dict[str, Finding]:
    """By check, for a configuration in the environment."""
    config = load(None, {"SCHEDULER_NODE__DATA_DIR": str(folder), **environ})
    return {each.check: each for each in access_findings(config)}


@pytest.mark.parametrize(
    ("environ", "level", "said"),
    [
        ({}, Level.OK, "mode = 'none', on this machine only"),
        (WIDE, Level.MISSING, "other machines reach the node"),
        ({**WIDE, "SCHEDULER_AUTH__INSECURE": "true"}, Level.WARNING, "everybody who reaches"),
        ({**WIDE, "SCHEDULER_AUTH__MODE": "tokens"}, Level.OK, "mode = 'tokens'"),
        ({**PROXY, **GROUPS}, Level.OK, "mode = 'proxy'"),
        (PROXY, Level.WARNING, "no user of the proxy may do anything"),
        (
            {**PROXY, **GROUPS, "SCHEDULER_AUTH__PROXIES": '["10.0.0.7/32", "::/0"]'},
            Level.WARNING,
            "everybody may say who he is",
        ),
    ],
)
def test_who_may_ask_is_told(
    tmp_path: Path, environ: dict[str, str], level: Level, said: str
) -> None:
    """A node that would not start, and one that lets in more than was meant."""
    found = findings(tmp_path, **environ)["access"]
    assert (found.status, said in found.found) == (level, True), found
    assert bool(found.mend) == (level is not Level.OK)


@pytest.mark.parametrize(("mode", "level"), [(0o600, Level.OK), (0o644, Level.WARNING)])
def test_a_first_token_that_others_may_read_is_told(
    tmp_path: Path, mode: int, level: Level
) -> None:
    """A copy or a backup has lost the mode, and the token has all rights."""
    assert "first token" not in findings(tmp_path)
    (tmp_path / "admin-token").write_text("atl_…")
    (tmp_path / "admin-token").chmod(mode)
    assert findings(tmp_path)["first token"].status is level


@pytest.mark.parametrize(
    ("days", "level", "said"),
    [
        (90, Level.OK, "for 127.0.0.1, until 2"),
        (3, Level.WARNING, "for 127.0.0.1, until 2"),
        (-1, Level.WARNING, "certificate has expired"),
    ],
)
def test_a_certificate_that_expires_soon_is_told(
    tmp_path: Path, days: int, level: Level, said: str
) -> None:
    """The day after, no client accepts it any more."""
    found = _with_certificate(tmp_path, *Authority(tmp_path / "ca").sign("node", days=days))
    assert (found.status, said in found.found) == (level, True), found
    assert ("renew" in found.mend) == (level is Level.WARNING)


def test_files_that_are_no_pair_are_told(tmp_path: Path) -> None:
    """The start would refuse them in the same words."""
    authority = Authority(tmp_path / "ca")
    (one, _), (_, other) = authority.sign("one"), authority.sign("other")
    assert "another certificate" in _with_certificate(tmp_path, one, other).found
    found = _with_certificate(tmp_path, one, tmp_path / "none.key")
    assert (found.status, "No such file" in found.found) == (Level.MISSING, True)


def _with_certificate(folder: Path, certificate: Path, key: Path) -> Finding:
    environ = {
        "SCHEDULER_HTTP__TLS_CERTIFICATE": str(certificate),
        "SCHEDULER_HTTP__TLS_KEY": str(key),
    }
    return findings(folder, **environ)["certificate"]

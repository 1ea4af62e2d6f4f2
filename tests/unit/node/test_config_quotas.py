"""The section `[quotas]`, and what is said of a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest

from scheduler.core.errors import StartError
from scheduler.core.ports.queue import Share
from scheduler.core.quotas.quota import Quota
from scheduler.node.config.loading import load

TWO = """
[quotas."*"]
queued_max = 1000
[quotas."team-a.*"]
submits_per_s = 5
"""


def complaint(tmp_path: Path, text: str, **environ: str) -> str:
    """The error line for this file and environment."""
    file = tmp_path / "own.toml"
    file.write_text(text)
    with pytest.raises(StartError) as caught:
        load(file, environ)
    return str(caught.value).replace(str(file), "own.toml")


def test_each_pattern_has_a_table_of_its_own(tmp_path: Path) -> None:
    """The best-fitting one counts alone: what it leaves out limits nothing."""
    (tmp_path / "own.toml").write_text(TWO)
    quotas = load(tmp_path / "own.toml", {}).quotas.quotas
    assert quotas.of("ada") == Quota(pattern="*", queued_max=1000)
    assert quotas.of("team-a.ada") == Quota(pattern="team-a.*", submits_per_s=5.0)


def test_shares_follow_from_it(tmp_path: Path) -> None:
    """What is left out of the best-fitting table has its default, whatever others say."""
    (tmp_path / "own.toml").write_text(
        '[quotas."*"]\nrunning_max = 4\nweight = 2\n[quotas."ada"]\nweight = 0.5\n'
    )
    quotas = load(tmp_path / "own.toml", {}).quotas.quotas
    assert quotas.share_of("bob") == Share(weight=2.0, running_max=4)
    assert quotas.share_of("ada") == Share(weight=0.5, running_max=None)
    assert (quotas.running_max_of("bob"), quotas.running_max_of("ada")) == (4, None)
    assert quotas.running_max == {"*": 4, "ada": None}


def test_without_a_limit_of_running_jobs_none_is_asked_for(tmp_path: Path) -> None:
    """Then a claim counts nothing."""
    (tmp_path / "own.toml").write_text(TWO)
    quotas = load(tmp_path / "own.toml", {}).quotas.quotas
    assert quotas.running_max == {}
    assert quotas.share_of("ada") == Share()


def test_without_the_section_nobody_is_limited(tmp_path: Path) -> None:
    """As before."""
    (tmp_path / "own.toml").write_text("")
    assert not load(tmp_path / "own.toml", {}).quotas.quotas


def test_the_environment_replaces_the_section(tmp_path: Path) -> None:
    """A container is configured by its environment alone; no variable can be named after `*`."""
    (tmp_path / "own.toml").write_text(TWO)
    environ = {"SCHEDULER_QUOTAS": '{"ada" = {queued_max = 5}, "b*" = {submits_per_s = 0.5}}'}
    quotas = load(tmp_path / "own.toml", environ).quotas.quotas
    assert quotas.of("ada") == Quota(pattern="ada", queued_max=5)
    assert quotas.of("bob") == Quota(pattern="b*", submits_per_s=0.5)
    assert quotas.of("eve") is None


PATTERN = "must name a uid, the beginning of uids with * at its end, or * for all"
TABLES = '{"*" = {queued_max = 1000}, "team-a.*" = {submits_per_s = 5}}'


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("queued_max = 0", '[quotas."*"] queued_max = 0: must be an integer from 1 to 1000000'),
        ("queued_max = -1", '[quotas."*"] queued_max = -1: must be an integer from 1 to 1000000'),
        ("queued_max = 1.5", '[quotas."*"] queued_max = 1.5: must be an integer from 1 to 1000000'),
        (
            'queued_max = "9"',
            '[quotas."*"] queued_max = "9": must be an integer from 1 to 1000000',
        ),
        (
            "submits_per_s = 0",
            '[quotas."*"] submits_per_s = 0: must be a number from 0.001 to 1000000',
        ),
        (
            "submits_per_s = inf",
            '[quotas."*"] submits_per_s = Infinity: must be a number from 0.001 to 1000000',
        ),
        (
            "submits_per_s = true",
            '[quotas."*"] submits_per_s = true: must be a number from 0.001 to 1000000',
        ),
        (
            "queued = 5",
            (
                '[quotas."*"] unknown key "queued"; did you mean queued_max?'
                " (known: queued_max, submits_per_s, running_max, schedules_max, weight)"
            ),
        ),
        ("running_max = 0", '[quotas."*"] running_max = 0: must be an integer from 1 to 1000000'),
        ("weight = 0", '[quotas."*"] weight = 0: must be a number from 0.001 to 1000'),
        ("weight = 1001", '[quotas."*"] weight = 1001: must be a number from 0.001 to 1000'),
        ('weight = "2"', '[quotas."*"] weight = "2": must be a number from 0.001 to 1000'),
        ("weight = nan", '[quotas."*"] weight = NaN: must be a number from 0.001 to 1000'),
    ],
)
def test_a_wrong_value_is_an_error_with_its_table_and_what_is_allowed(
    tmp_path: Path, text: str, line: str
) -> None:
    """The operator can fix it without the documentation."""
    assert complaint(tmp_path, f'[quotas."*"]\n{text}') == f"own.toml: {line}"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("quotas = 5", f"quotas = 5: must be tables, as in {TABLES}"),
        (
            "[quotas]\nqueued_max = 5",
            f"[quotas] queued_max = 5: must be in a table, as in {TABLES}",
        ),
        (
            "[quotas.team-a.ada]\nqueued_max = 5",
            '[quotas."team-a"] has a table ada; a uid is written in quotes: [quotas."team-a.ada"]',
        ),
        (
            '[quotas."a*b"]\nqueued_max = 5',
            f'[quotas."a*b"]: {PATTERN}',
        ),
        (
            '[quotas."-"]\nqueued_max = 5',
            f'[quotas."-"]: {PATTERN}',
        ),
        (
            '[quotas."a/b"]\nqueued_max = 5',
            f'[quotas."a/b"]: {PATTERN}',
        ),
    ],
)
def test_a_wrong_table_is_an_error_that_shows_a_right_one(
    tmp_path: Path, text: str, line: str
) -> None:
    """A dot outside quotes makes a table in a table; nobody sees that at once."""
    assert complaint(tmp_path, text) == f"own.toml: {line}"


def test_the_same_pattern_twice_is_an_error(tmp_path: Path) -> None:
    """Nobody knows which of them was meant."""
    line = complaint(tmp_path, "[quotas.ada]\nqueued_max = 5\n[quotas.'ada']\nqueued_max = 6\n")
    assert line.startswith("own.toml: not a TOML file: ")


@pytest.mark.parametrize("text", ['{"*": {"queued_max": 5}}', "5", ""])
def test_what_is_no_table_in_the_environment_is_an_error(tmp_path: Path, text: str) -> None:
    """JSON looks alike."""
    line = complaint(tmp_path, "", SCHEDULER_QUOTAS=text)
    assert line.startswith("environment: SCHEDULER_QUOTAS: quotas = ")
    assert line.endswith(f"must be tables, as in {TABLES}")


def test_a_misspelt_variable_is_an_error(tmp_path: Path) -> None:
    """Else the node would run without its limits."""
    line = complaint(tmp_path, "", SCHEDULER_QUOTA="{}")
    assert "did you mean SCHEDULER_QUOTAS?" in line

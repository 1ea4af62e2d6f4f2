"""Files that only the own user may read: which folders are closed, and which are left."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from scheduler.basics.private_files import (
    UMASK,
    close_to_others,
    keep_private,
    narrow,
    tell_if_open,
    users_umask,
)


@pytest.fixture(autouse=True)
def _umask(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The umask that people have, restored after the test."""
    monkeypatch.setenv(UMASK, "0")
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def made(folder: Path) -> tuple[int, int]:
    """The rights of a new file and a new folder in a folder."""
    (folder / "queue").mkdir()
    (folder / "node.lock").touch()
    return mode(folder / "node.lock"), mode(folder / "queue")


def with_mode(folder: Path, rights: int) -> Path:
    folder.mkdir()
    folder.chmod(rights)
    return folder


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_a_folder_that_is_made_is_closed_whatever_the_umask_is(tmp_path: Path, umask: int) -> None:
    """The folder has users' data, and passwords of queues in files of the server."""
    os.umask(umask)
    folder = tmp_path / "data"
    keep_private(folder)
    folder.mkdir()
    assert (mode(folder), made(folder)) == (0o700, (0o600, 0o700))


def test_a_folder_of_ours_that_is_open_is_closed_with_the_files_in_it(tmp_path: Path) -> None:
    """An earlier version made them so."""
    folder = tmp_path / "data"
    folder.mkdir()
    assert made(folder) == (0o644, 0o755)
    keep_private(folder)
    close_to_others(folder)
    assert (mode(folder), mode(folder / "node.lock"), mode(folder / "queue")) == (
        0o700,
        0o600,
        0o700,
    )


def test_a_folder_with_other_things_in_it_is_left_open_and_that_is_told(tmp_path: Path) -> None:
    """It may be a home or a project; what we make in it is closed all the same."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "index.html").touch()
    keep_private(folder)
    close_to_others(folder)
    with capture_logs() as logged:
        tell_if_open(folder)
    assert (mode(folder), mode(folder / "index.html")) == (0o755, 0o644)
    assert made(folder) == (0o600, 0o700)
    assert [(line["log_level"], line["folder"]) for line in logged] == [("warning", str(folder))]


def test_a_folder_that_all_share_is_left(tmp_path: Path) -> None:
    """As `/tmp`, which may be empty: to close it would break the machine."""
    folder = with_mode(tmp_path / "tmp", 0o1777)
    keep_private(folder)
    close_to_others(folder)
    assert mode(folder) == 0o1777
    assert made(folder) == (0o600, 0o700)


@pytest.mark.parametrize(
    ("rights", "file", "inner"),
    [(0o700, 0o600, 0o700), (0o750, 0o640, 0o750), (0o770, 0o660, 0o770)],
)
def test_what_a_group_was_given_on_purpose_it_keeps(
    tmp_path: Path, rights: int, file: int, inner: int
) -> None:
    """Such as a group that makes backups: nobody has these rights by accident."""
    folder = with_mode(tmp_path / "data", rights)
    keep_private(folder)
    close_to_others(folder)
    assert (mode(folder), made(folder)) == (rights, (file, inner))


def test_a_volume_that_a_group_shares_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Kubernetes makes it for `fsGroup`: the next container may have another user."""
    folder = with_mode(tmp_path / "data", 0o2775)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    keep_private(folder)
    close_to_others(folder)
    assert mode(folder) == 0o2775
    assert made(folder) == (0o660, 0o2770)


def test_the_folder_of_another_user_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rights are not ours to change, and its group may be everybody's."""
    folder = with_mode(tmp_path / "data", 0o777)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    keep_private(folder)
    close_to_others(folder)
    assert (mode(folder), made(folder)) == (0o777, (0o600, 0o700))


def test_a_link_is_not_followed_and_a_missing_file_is_no_error(tmp_path: Path) -> None:
    """Whoever may write there must not have us change other files."""
    (tmp_path / "target").touch()
    (tmp_path / "link").symlink_to(tmp_path / "target")
    narrow(tmp_path / "link")
    narrow(tmp_path / "missing")
    assert mode(tmp_path / "target") == 0o644


def test_what_is_the_users_gets_the_umask_of_the_start(tmp_path: Path) -> None:
    """`files_dir` and what jobs write is for other programs too."""
    os.umask(0o002)
    keep_private(tmp_path)
    with users_umask():
        (tmp_path / "files").mkdir()
    assert mode(tmp_path / "files") == 0o775
    (tmp_path / "ours").mkdir()
    assert mode(tmp_path / "ours") == 0o700

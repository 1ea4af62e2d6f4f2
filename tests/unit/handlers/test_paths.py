"""Folders for handlers: below `files_dir`, whatever the path."""

from __future__ import annotations

from pathlib import Path

import pytest

from scheduler.paths import folder_below


def test_a_folder_is_found_or_made_with_those_that_it_is_in(below: Path) -> None:
    with pytest.raises(FileNotFoundError):
        folder_below("a/b")
    assert folder_below("a/b", create=True) == folder_below("a/b") == below / "a" / "b"
    assert folder_below("a/b", create=True).is_dir()
    assert folder_below(".") == below


@pytest.mark.parametrize("path", ["", "/etc", "../out", "a/../../out", "a\0b", 7])
def test_a_path_that_leads_out_makes_nothing(below: Path, path: str) -> None:
    with pytest.raises(ValueError, match=r"relative to files_dir|must be a text"):
        folder_below(path, create=True)
    assert list(below.iterdir()) == []


def test_a_link_that_leads_out_is_not_followed(below: Path, tmp_path: Path) -> None:
    """Neither where it is the folder nor where the folder is to be made in it."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (below / "link").symlink_to(outside)
    (below / "nowhere").symlink_to(outside / "missing")
    for path in ("link", "link/new"):
        with pytest.raises(ValueError, match="leads out of files_dir"):
            folder_below(path, create=True)
    with pytest.raises(FileExistsError):
        folder_below("nowhere", create=True)
    assert list(outside.iterdir()) == []


def test_a_file_is_no_folder(below: Path) -> None:
    (below / "file").touch()
    with pytest.raises(ValueError, match="not a folder"):
        folder_below("file", create=True)

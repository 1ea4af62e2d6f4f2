"""Files of other projects are as they were published, with their origin and licence noted."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from tests.support.nodes import ROOT

FOLDERS = sorted(file.parent for file in ROOT.glob("[!.]*/**/VENDORED"))


def listed(folder: Path) -> list[list[str]]:
    """The cells of each line: file, package, version, licence, file in the package, SHA-256."""
    lines = (folder / "VENDORED").read_text("utf-8").splitlines()
    return [[cell.strip() for cell in line.split("|")] for line in lines if line[0] != "#"]


def test_the_folders_are_found() -> None:
    assert [folder.parent.name for folder in FOLDERS] == ["dashboard", "browser"]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_vendored_files_are_unchanged(folder: Path) -> None:
    """A changed copy is a fork that nobody maintains, or worse."""
    digests = {name: digest for name, *_, digest in listed(folder)}
    assert {name: sha256((folder / name).read_bytes()).hexdigest() for name in digests} == digests


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_vendored_files_are_listed_with_their_origin_and_licence(folder: Path) -> None:
    names = {path.name for path in folder.iterdir()} - {"VENDORED"}
    assert {name for name, *_ in listed(folder)} == names
    assert all(all(line) and len(line) == 6 for line in listed(folder))
    packages = {package.rpartition("/")[2] for _, package, *_ in listed(folder)}
    assert {f"{package}.LICENSE" for package in packages} <= names

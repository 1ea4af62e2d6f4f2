"""`make test` brings the programs that its tests need; a run that lacks some says so."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.nodes import ROOT
from tests.support.programs import __main__ as setup
from tests.support.programs import table

NEEDS_TWO = """
from tests.support.programs import program
from tests.support.programs.left_out import pytest_unconfigure

def test_in_front() -> None:
    program("nginx")

def test_the_page() -> None:
    program("chromium")
"""


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine on which only a folder of the test has programs, and no browser is downloaded."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setattr(table, "FOLDERS", (str(folder),))
    monkeypatch.setattr(table, "BROWSERS", tmp_path / "browsers")
    monkeypatch.setattr(setup, "POLICY", tmp_path / "policy-rc.d")
    monkeypatch.setattr(setup, "SERVICES", tmp_path / "init.d")
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("CI", raising=False)
    (tmp_path / "init.d").mkdir()
    (tmp_path / "init.d" / "cron").touch()
    return folder


def script(path: Path, *lines: str) -> None:
    path.write_text("\n".join(("#!/bin/sh", *lines)))
    path.chmod(0o755)


def test_every_program_that_a_test_asks_for_is_in_the_table() -> None:
    """Else nothing would bring it, and its tests would be left out on every fresh machine."""
    asked = {
        name
        for file in (ROOT / "tests").rglob("*.py")
        for name in re.findall(r"\bprogram\(\"([\w-]+)\"\)", file.read_text("utf-8"))
    }
    assert asked
    assert asked <= set(table.PROGRAMS)


def test_root_gets_debians_packages_and_none_of_their_services(
    bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests that leave a web server behind on port 80 are not run twice."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    script(
        bare / "apt-get",
        'for package; do :; done; echo "$package" >> said',
        f"/bin/sh {tmp_path}/policy-rc.d; test $? = 101 || exit 1",
        f"case $package in update) ;; *) /bin/cp {bare}/apt-get {bare}/$package; "
        f": > {tmp_path}/init.d/$package;; esac",
    )
    script(bare / "update-rc.d", 'echo "$*" >> said')
    monkeypatch.chdir(tmp_path)
    setup.bring()
    said = (tmp_path / "said").read_text().splitlines()
    packages = list(table.PROGRAMS)
    assert said[: len(packages) + 1] == ["update", *packages]
    assert set(said[len(packages) + 1 :]) == {f"{name} disable" for name in packages}
    assert table.missing() == []
    assert not (tmp_path / "policy-rc.d").exists()


def test_a_policy_of_the_machine_stays(bare: Path, tmp_path: Path) -> None:
    """Images of containers have one, which keeps services from starting for good."""
    assert bare
    script(tmp_path / "policy-rc.d", "exit 101")
    with setup.no_service_starts():
        pass
    assert (tmp_path / "policy-rc.d").exists()


def test_a_package_that_cannot_be_installed_is_one_line(
    bare: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A machine without network runs the other tests all the same."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(setup, "_download_chromium", lambda: None)
    script(bare / "apt-get", "echo Reading; echo E: Unable to locate it; exit 100")
    setup.bring()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + len(table.PROGRAMS)
    assert lines[-1].endswith("redis-server: E: Unable to locate it")


def test_whoever_may_not_install_gets_a_chromium_of_his_own(
    bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dashboard's tests need no root."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    chrome = tmp_path / "browsers" / "chromium-1" / "chrome-linux64" / "chrome"
    script(bare / "apt-get", "exit 1")
    script(
        bare / "python",
        f"test $PLAYWRIGHT_BROWSERS_PATH = {tmp_path}/browsers || exit 1",
        f"/bin/mkdir -p {chrome.parent}; /bin/cp /bin/true {chrome}",
    )
    monkeypatch.setattr(sys, "executable", str(bare / "python"))
    setup.bring()
    assert table.find("chromium") == str(chrome)


def run(tmp_path: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run two tests in processes of their own, on a machine that has neither of their programs."""
    (tmp_path / "test_two.py").write_text(NEEDS_TWO)
    (tmp_path / "conftest.py").write_text(
        "from tests.support.programs import table\n"
        "from tests.support.programs.left_out import pytest_unconfigure\n"
        'table.FOLDERS = ("/nowhere",)\n'
    )
    return subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "xdist", "-n", "1"),
            *("-p", "no:cacheprovider", tmp_path),
        ],
        env={
            **os.environ,
            "CI": "",
            "PATH": "",
            "PYTHONPATH": str(ROOT),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            **more,
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


def test_a_run_says_in_one_line_which_tests_it_left_out_and_how_to_bring_them_in(
    tmp_path: Path,
) -> None:
    """Ten dots less are not noticed by anybody."""
    ended = run(tmp_path)
    assert ended.returncode == 0, ended.stdout
    (line,) = re.findall(r"^Left out: .*$", ended.stdout, flags=re.MULTILINE)
    assert line == (
        "Left out: 1 in .: needs chromium; 1 in .: needs nginx. "
        "On Debian, root brings them in with: apt-get install chromium nginx"
    )


def test_in_ci_a_test_that_is_left_out_is_a_failure(tmp_path: Path) -> None:
    """A green run there says that all is well: it may not pass over what it did not try."""
    ended = run(tmp_path, CI="true")
    assert ended.returncode == 1
    assert "Failed: needs nginx" in ended.stdout

"""A handlers folder with packages in it: what is found there, and what is told where it fails."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from scheduler.core.errors import StartError
from scheduler.processes.child.loading import importing
from scheduler.processes.child.loading.importing import load
from tests.support.handlers.folders import Files, lay_out

pytestmark = pytest.mark.usefixtures("fresh_handlers")

HANDLER = "from scheduler import handler\n@handler('{0}')\ndef {0}(data): return data\n"


def found_in(folder: Path, files: Files) -> set[str]:
    return set(load(lay_out(folder, files)))


def refusal(folder: Path, files: Files) -> str:
    """The message of the error that loading these files raises."""
    lay_out(folder, files)
    with pytest.raises(StartError) as caught:
        load(folder)
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_handlers_are_found_at_any_depth(tmp_path: Path) -> None:
    """A folder that has grown is sorted into packages, as any program is."""
    files = {
        "top.py": HANDLER.format("top"),
        "shop/__init__.py": HANDLER.format("shop"),
        "shop/jobs.py": HANDLER.format("jobs"),
        "shop/eu/__init__.py": "",
        "shop/eu/vat.py": HANDLER.format("vat"),
    }
    assert found_in(tmp_path, files) == {"top", "shop", "jobs", "vat"}


def test_the_folder_may_be_a_package_with_handlers_of_its_own(tmp_path: Path) -> None:
    """`handlers/__init__.py` runs first and once."""
    init = "LOADS = [1]\n" + HANDLER.format("own")
    again = "import handlers\nhandlers.LOADS.append(2)\nassert handlers.LOADS == [1, 2]\n"
    assert found_in(tmp_path, {"__init__.py": init, "a.py": again}) == {"own"}


def test_a_handler_is_one_however_often_it_is_imported(tmp_path: Path) -> None:
    """By another name, from several files, by a package that shows it to others."""
    files = {
        "shop/__init__.py": "from .jobs import cut\nfrom .jobs import cut as other\n",
        "shop/jobs.py": HANDLER.format("cut"),
        "a.py": "from handlers.shop import cut, other\n",
        "b.py": "import handlers.shop.jobs as jobs\nagain = jobs.cut\n",
    }
    assert found_in(tmp_path, files) == {"cut"}


@pytest.mark.parametrize("name", ["my-file.py", "2nd.py", "with space.py", "class.py", "a.b.py"])
def test_a_file_need_not_be_named_like_a_module(tmp_path: Path, name: str) -> None:
    """People name them as they like; only an import of it by name is not possible."""
    assert found_in(tmp_path, {name: HANDLER.format("x")}) == {"x"}


@pytest.mark.parametrize(
    "name", ["__main__.py", "shop/__main__.py", ".hidden.py", ".git/hook.py", "shop/.a.py"]
)
def test_what_is_no_module_to_import_is_not_run(tmp_path: Path, name: str) -> None:
    """`__main__.py` is a program for people; names with a dot are of editors and tools."""
    files = {"a.py": HANDLER.format("a"), "shop/__init__.py": "", name: "raise SystemExit('run')\n"}
    assert found_in(tmp_path, files) == {"a"}


@pytest.mark.parametrize(
    ("name", "missing"),
    [("shop/jobs.py", "shop"), ("shop/eu/vat.py", "shop/eu"), ("my-jobs/a.py", "my-jobs")],
)
def test_a_handler_in_a_folder_that_is_no_package_is_refused(
    tmp_path: Path, name: str, missing: str
) -> None:
    """It would be missing in silence; the message says where and what to do."""
    files = {"a.py": HANDLER.format("a"), name: HANDLER.format("x")}
    if name == "shop/eu/vat.py":
        files["shop/__init__.py"] = ""
    line = refusal(tmp_path, files)
    assert line.startswith(f"{tmp_path / name}:2: ")
    assert "__init__.py" in line
    assert missing in line


@pytest.mark.parametrize(
    "text", ["print(1)\n", "x = = 2\n", "def handler(name): ...\n", "# @handler('x')\n", "\0"]
)
def test_a_folder_that_is_no_package_and_has_no_handler_is_left_alone(
    tmp_path: Path, text: str
) -> None:
    """Templates and scripts may lie beside the handlers; nobody asked to load them."""
    assert found_in(tmp_path, {"a.py": HANDLER.format("a"), "scripts/b.py": text}) == {"a"}


@pytest.mark.parametrize(
    ("name", "statement", "told"),
    [
        ("shop/jobs.py", "x = = 2", "SyntaxError"),
        ("shop/jobs.py", "1 / 0", "ZeroDivisionError"),
        ("shop/__init__.py", "1 / 0", "ZeroDivisionError"),
        ("__init__.py", "1 / 0", "ZeroDivisionError"),
        ("__init__.py", "x = = 2", "SyntaxError"),
        ("shop/jobs.py", "from .nothing import x", "handlers.shop.nothing"),
        ("shop/jobs.py", "raise SystemExit(3)", "SystemExit"),
    ],
)
def test_a_file_of_a_package_that_does_not_import_is_told_with_file_and_line(
    tmp_path: Path, name: str, statement: str, told: str
) -> None:
    """As a file of the folder itself."""
    files = {"shop/__init__.py": "", "shop/jobs.py": "", name: f"y = 1\n{statement}\n"}
    line = refusal(tmp_path, files)
    assert line.startswith(f"{tmp_path / name}:2: ")
    assert told in line


@pytest.mark.parametrize(
    ("statement", "told"),
    [("1 / 0", "ZeroDivisionError"), ("x = = 2", "SyntaxError"), ("import no_such", "no_such")],
)
def test_the_file_that_is_told_is_the_deepest_of_the_folder(
    tmp_path: Path, statement: str, told: str
) -> None:
    """Not the one whose import began it: the fault is to be mended below."""
    files = {
        "a.py": "\n\nimport handlers.shop.jobs\n",
        "shop/__init__.py": "",
        "shop/jobs.py": "\nfrom .prices import x\n",
        "shop/prices.py": f"x = 1\n{statement}\n",
    }
    line = refusal(tmp_path, files)
    assert line.startswith(f"{tmp_path / 'shop/prices.py'}:2: ")
    assert told in line


@pytest.mark.parametrize(
    ("name", "statement", "advice"),
    [
        ("a.py", "from prices import net", "from .prices import …"),
        ("a.py", "import prices", "from .prices import …"),
        ("a.py", "from shop.eu import vat", "from .shop import …"),
        ("a.py", "from plain.tools import x", "from .plain import …"),
        ("shop/__init__.py", "import cuts", "from .cuts import …"),
        ("shop/cuts.py", "import prices", "from handlers.prices import …"),
    ],
)
def test_a_module_of_the_folder_that_is_imported_as_if_installed_is_told_how_to_be_imported(
    tmp_path: Path, name: str, statement: str, advice: str
) -> None:
    """In a script, modules beside it are found by their bare name; many people expect it here."""
    modules = ("prices.py", "shop/__init__.py", "shop/cuts.py", "shop/eu.py", "plain/tools.py")
    line = refusal(tmp_path, {**dict.fromkeys(modules, ""), name: statement})
    assert line.startswith(f"{tmp_path / name}:1: ")
    assert f": write `{advice}`)" in line


def test_a_module_that_is_nowhere_gets_no_advice(tmp_path: Path) -> None:
    assert refusal(tmp_path, {"a.py": "import no_such"}).endswith("No module named 'no_such'")


def test_a_fault_of_a_library_is_told_with_the_file_that_imports_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user can change that file, and not the library."""
    lay_out(tmp_path / "installed", {"broken_library.py": "\n\n1 / 0\n"})
    monkeypatch.syspath_prepend(tmp_path / "installed")
    files = {"a.py": "import handlers.shop\n", "shop/__init__.py": "\nimport broken_library\n"}
    assert refusal(tmp_path / "mine", files).startswith(f"{tmp_path / 'mine/shop/__init__.py'}:2: ")


def test_two_handlers_of_one_name_in_two_packages_are_told_with_both_places(
    tmp_path: Path,
) -> None:
    """Which of them runs must not depend on the order of files."""
    files = {
        "shop/__init__.py": HANDLER.format("same"),
        "eu/__init__.py": "",
        "eu/vat.py": "\n" + HANDLER.format("same"),
    }
    line = refusal(tmp_path, files)
    assert f"{tmp_path / 'shop/__init__.py'}:2" in line
    assert f"{tmp_path / 'eu/vat.py'}:3" in line


def test_a_file_that_waits_for_ever_is_refused_with_the_line_at_which_it_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who starts a node, or has it load its handlers anew, would not know what it waits for."""
    monkeypatch.setattr(importing, "IMPORT_S", 0.05)
    before = signal.getsignal(signal.SIGALRM)

    line = refusal(
        tmp_path, {"a.py": "import time\ntry:\n    time.sleep(60)\nexcept Exception: pass"}
    )

    assert line.startswith(f"{tmp_path}/a.py:3: the handler file does not import: ")
    assert line.endswith("it is still not done after 0.05 s")
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_a_timer_that_a_file_sets_is_left_alone(tmp_path: Path) -> None:
    """A handler may time itself; only the file knows what for."""
    own = "import signal\nsignal.signal(signal.SIGALRM, print)\nsignal.alarm(3600)\n"
    before = signal.getsignal(signal.SIGALRM)
    try:
        found_in(tmp_path, {"a.py": own})
        assert signal.getsignal(signal.SIGALRM) is print
        assert signal.alarm(0)
    finally:
        signal.signal(signal.SIGALRM, before)

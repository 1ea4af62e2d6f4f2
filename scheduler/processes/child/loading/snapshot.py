"""The handlers folder as it was when the node loaded it: the text of every `*.py` in it.

    SNAPSHOT/sources.json          name of the module ─▶ path and text
    SNAPSHOT/path/handlers/        stands for the folder on the path of any interpreter
    SNAPSHOT/path/scheduler        a link to this package, which handlers import; and to the client

A file that is edited changes nothing before the handlers are loaded anew: a process that starts
later must not mix old handlers with new ones. Tracebacks and `__file__` name the real files, and
what is no Python file is read from the real folder.
"""

from __future__ import annotations

import json
import linecache
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import decode_source, spec_from_file_location
from pathlib import Path
from types import CodeType
from typing import Final, Self

from scheduler.core.errors import StartError

PACKAGE: Final = "handlers"
"""The name under which any handlers folder is imported: `from handlers.x import y`."""
SOURCES: Final = "sources.json"
PATH: Final = "path"
"""The folder in a snapshot that goes onto the module search path."""
OWN_PACKAGES: Final = ("scheduler", "atlanscheduler_client")
STAND_IN: Final = '''"""Imports the handlers folder as it was when the node loaded it."""

from pathlib import Path

from scheduler.processes.child.loading.snapshot import Snapshot

Snapshot.read(Path(__file__).parents[2]).stand_in(globals())
'''


@dataclass(slots=True)
class Source:
    """One file of the folder."""

    path: str
    text: bytes
    code: CodeType | None = None
    """Compiled at its first import; before a fork, it is compiled for all children."""

    @property
    def is_package(self) -> bool:
        """Whether it is the `__init__.py` of a folder."""
        return os.path.basename(self.path) == "__init__.py"  # noqa: PTH119 - called for each import

    def compiled(self) -> CodeType:
        """The code of the file.

        Raises:
            SyntaxError, ValueError: it is not Python.
        """
        if self.code is None:
            self.code = compile(self.text, self.path, "exec", dont_inherit=True)
        return self.code


class Snapshot:
    """The Python files of a handlers folder, by the name of their module."""

    def __init__(self, folder: Path, sources: dict[str, Source]) -> None:
        self.folder = folder
        self.sources = sources

    @classmethod
    def take(cls, folder: Path) -> Self:
        """Read a folder.

        Raises:
            StartError: there is no such folder, or a file in it cannot be read.
        """
        if not folder.is_dir():
            raise StartError(f"[handlers] path = {str(folder)!r}: there is no such folder")
        folder = folder.absolute()
        root = folder / "__init__.py"
        sources = {PACKAGE: Source(str(root), b"")}  # also where there is no such file
        for file in python_files(folder):
            parts = file.relative_to(folder).with_suffix("").parts
            # A dot in the name of a file is no dot in the name of a module.
            own = () if parts[-1] == "__init__" else (parts[-1].replace(".", ":"),)
            name = ".".join((PACKAGE, *parts[:-1], *own))
            try:
                sources[name] = Source(str(file), file.read_bytes())
            except OSError as error:
                raise StartError(f"{file}: it cannot be read: {error.strerror}") from error
        return cls(folder, sources)

    def write(self, to: Path) -> Path:
        """Write the snapshot into a new folder; what to put onto the path of an interpreter."""
        stand_in = to / PATH / PACKAGE
        stand_in.mkdir(parents=True)
        (stand_in / "__init__.py").write_text(STAND_IN, encoding="utf-8")
        for name in OWN_PACKAGES:
            (to / PATH / name).symlink_to(Path(__file__).parents[4] / name)
        sources = self.sources.items()
        texts = {name: (each.path, each.text.decode("latin-1")) for name, each in sources}
        (to / SOURCES).write_text(json.dumps([str(self.folder), texts]), encoding="ascii")
        return to / PATH

    @classmethod
    def read(cls, written: Path) -> Self:
        """Read a snapshot that was written."""
        folder, texts = json.loads((written / SOURCES).read_text(encoding="ascii"))
        return cls(
            Path(folder),
            {name: Source(path, text.encode("latin-1")) for name, (path, text) in texts.items()},
        )

    def install(self) -> None:
        """Let this interpreter import the package from here, and from no other snapshot."""
        sys.meta_path[:] = [each for each in sys.meta_path if not isinstance(each, _Finder)]
        sys.meta_path.insert(0, _Finder(self.sources))
        for each in self.sources.values():
            _show(each)

    def stand_in(self, module: dict[str, object]) -> None:
        """Install this snapshot, and run the package's `__init__.py` in the globals of `module`."""
        self.install()
        source = self.sources[PACKAGE]
        spec = _Finder(self.sources).find_spec(PACKAGE)
        assert spec is not None  # noqa: S101 - the package itself is always there
        module.update(
            __spec__=spec,
            __loader__=spec.loader,
            __path__=spec.submodule_search_locations,
            __file__=source.path,
        )
        exec(source.compiled(), module)  # noqa: S102 - the handlers folder is there to be executed


class _Finder:
    """Finds the modules of a snapshot: an `importlib.abc.MetaPathFinder`, which is slow to load."""

    def __init__(self, sources: dict[str, Source]) -> None:
        self._sources = sources

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, _target: object = None
    ) -> ModuleSpec | None:
        """None for what the snapshot does not have: other packages, extension modules."""
        source = self._sources.get(name)
        if source is None:
            return None
        folders = [os.path.dirname(source.path)] if source.is_package else None  # noqa: PTH120
        return spec_from_file_location(
            name,
            source.path,
            loader=_Loader(name, source),
            submodule_search_locations=folders,
        )


class _Loader(SourceFileLoader):
    """Loads one module of a snapshot; data files beside it come from the real folder."""

    def __init__(self, name: str, source: Source) -> None:
        super().__init__(name, source.path)
        self._source = source

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 - as in the base
        return self._source.compiled()

    def get_source(self, fullname: str) -> str:  # noqa: ARG002 - as in the base
        return decode_source(self._source.text)


def python_files(folder: Path) -> Iterator[Path]:
    """Every `*.py` below a folder that is not hidden, in the order of their names.

    A virtual environment is passed over: it has thousands, and its own place on the path.
    """
    seen: set[Path] = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        real = Path(place).resolve()
        if real in seen or "pyvenv.cfg" in files:  # seen: by a link that leads back
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(each for each in folders if not _is_hidden(each))
        for name in sorted(files):
            if name.endswith(".py") and not _is_hidden(name):
                yield Path(place, name)


def _is_hidden(name: str) -> bool:
    """Editors, caches and volumes leave such names beside what a person wrote."""
    return name.startswith(".") or name == "__pycache__"


def _show(source: Source) -> None:
    """Have tracebacks show the lines that run, not those of an edited file."""
    try:
        lines = decode_source(source.text).splitlines(keepends=True)
    except (SyntaxError, UnicodeDecodeError):  # the import says so
        return
    linecache.cache[source.path] = (len(source.text), None, lines, source.path)

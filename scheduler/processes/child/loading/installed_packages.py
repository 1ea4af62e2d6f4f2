"""Which installed packages the handlers import, and which of them may be imported before a fork.

    imports_of    what the files import, also inside functions: pandas, torch.nn, …
    preload       imports each in the fork server, so that no pool process has to, unless it leaves
                  behind what does not survive a fork or must not be shared: a thread, an open
                  descriptor, a child, a random generator, a lock of `multiprocessing`

Each is first imported in a copy of the fork server: an import cannot be taken back. A package that
ends its interpreter, hangs or does not import is left to the handler that wants it.
"""

from __future__ import annotations

import ast
import gc
import os
import random
import re
import select
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from scheduler.processes.child.containment import has_children
from scheduler.processes.child.loading.snapshot import OWN_PACKAGES, PACKAGE, Source

TRY_S: Final = 20.0
"""How long to try: packages that take longer are left to the handlers. Trying takes as long as
importing, and a node waits for its first process for 90 s (`pool_process.START_S`)."""


class Import(NamedTuple):
    """One import statement."""

    module: str
    names: tuple[str, ...] = ()
    """What `from module import` names: modules, or something in the module."""

    @property
    def is_standard(self) -> bool:
        """Whether it is a part of Python, and no joke that shows something."""
        package = self.module.partition(".")[0]
        return package in sys.stdlib_module_names and package not in {"antigravity", "this"}

    def run(self) -> None:
        """Import it; without effect where that fails, as the handler will."""
        with suppress(BaseException):
            __import__(self.module, fromlist=self.names)


def imports_of(sources: Iterable[Source]) -> Sequence[Import]:
    """What the files import from elsewhere, in the order of the statements, each once."""
    found: dict[Import, None] = {}
    for source in sources:
        with suppress(SyntaxError, ValueError):  # the pool process says so
            found.update(dict.fromkeys(_imports(ast.parse(source.text))))
    own = (PACKAGE, *OWN_PACKAGES, "__main__")
    return [each for each in found if each.module.partition(".")[0] not in own]


def preload(imports: Sequence[Import]) -> None:
    """Import in this process, before it forks, what its children can share."""
    give_up_at = time.monotonic() + TRY_S
    rest = []
    for each in imports:
        if each.is_standard:  # these leave nothing behind
            each.run()
        else:
            rest.append(each)
    while rest and time.monotonic() < give_up_at:
        safe = _tried(rest, until=give_up_at)
        for each in rest[:safe]:
            each.run()
        del rest[: safe + 1]  # after the safe ones comes one that is not, or none


def _tried(imports: Sequence[Import], *, until: float) -> int:
    """How many of these, from the first on, are safe; found out in a copy of this process."""
    reader, writer = os.pipe()
    copy = os.fork()
    if copy == 0:
        try:
            _try(imports, writer)
        finally:
            os._exit(0)
    os.close(writer)
    safe = 0
    with os.fdopen(reader, "rb", buffering=0) as told:
        while select.select([told], [], [], max(0.0, until - time.monotonic()))[0]:
            if not (one := told.read(1)):
                break
            safe += len(one)
    for kill in (os.kill, os.killpg):  # the copy, then what it started
        with suppress(ProcessLookupError):
            kill(copy, signal.SIGKILL)
    os.waitpid(copy, 0)
    return safe


def _try(imports: Sequence[Import], told: int) -> None:
    """Import one after the other, up to the first that is not safe; a byte for each that is."""
    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nowhere, descriptor)
    warnings.simplefilter("ignore")  # such as that a process with threads forks
    # `tempfile` seeds its generators anew in each process: they are not to be found here.
    tempfile._Random = random.SystemRandom  # type: ignore[attr-defined] # noqa: SLF001
    before = _unshareable()
    for each in imports:
        each.run()
        if each.module not in sys.modules or _unshareable() != before:
            return
        os.write(told, b"1")


def _unshareable() -> tuple[object, ...]:
    """What must not be there when a process forks, or would be the same for all children."""
    if (trial := os.fork()) == 0:
        os._exit(0)
    os.waitpid(trial, 0)
    # Some libraries end their threads before a fork.
    threads = len(tuple(Path("/proc/self/task").iterdir()))
    generators = any(map(_is_generator, gc.get_objects()))
    gc.freeze()  # looked through once
    return threads, _descriptors(), has_children(), generators, _shared_mappings()


def _descriptors() -> Sequence[str]:
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the one with which the folder is read
            found.append(f"{descriptor} {descriptor.readlink()}")
    return found


def _shared_mappings() -> int:
    """How much memory would still be shared after a fork: of locks, queues and the like.

    A job that is killed while it holds a lock would leave it locked for all.
    """
    return len(re.findall(r"^\S+ .w.s", Path("/proc/self/maps").read_text(), re.MULTILINE))


def _is_generator(thing: object) -> bool:
    """Whether this is a random generator of a package: all processes would get its numbers.

    Those of `random` and `numpy.random` themselves are seeded anew in each process.
    """
    kind = type(thing)
    if str(kind.__module__).startswith("numpy.random"):  # some classes have a descriptor there
        own = getattr(sys.modules["numpy.random.mtrand"], "_rand", None)
        return kind.__name__ in {"Generator", "RandomState"} and thing is not own
    return issubclass(kind, random.Random) and not (
        thing is random._inst  # noqa: SLF001
        or issubclass(kind, random.SystemRandom)
    )


def _imports(tree: ast.AST) -> Iterator[Import]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Import(each.name) for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield Import(node.module, tuple(each.name for each in node.names if each.name != "*"))

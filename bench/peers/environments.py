"""The peers' virtual environments, each with what `requirements/<peer>.txt` pins.

An environment is made where it is missing, and made anew where its pins changed.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Final

REQUIREMENTS: Final = Path(__file__).parent / "requirements"


async def peer_python(name: str) -> Path:
    """The Python of a peer's virtual environment, which is made first where that is needed."""
    folder = Path(sys.prefix) / f"bench-{name}"
    python, made = folder / "bin" / "python", folder / "requirements.txt"
    pins = REQUIREMENTS / f"{name}.txt"
    if not made.exists() or made.read_text() != pins.read_text():
        await _run(sys.executable, "-m", "venv", "--clear", folder)
        await _run(
            *(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *("--requirement", pins),
        )
        made.write_text(pins.read_text())
    return python


async def _run(*command: str | Path) -> None:
    process = await asyncio.create_subprocess_exec(*command)
    if await process.wait() != 0:
        raise RuntimeError(f"failed: {' '.join(map(str, command))}")

"""A live node behaves as its OpenAPI document says, whatever the requests."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.effort import rounds, variants
from tests.support.nodes import ROOT, Node, Nodes

EXAMPLES = rounds(3, long=10)
"""For each operation and phase."""
PHASES = "examples,coverage,fuzzing,stateful"
FEW, SHORT = (EXAMPLES, PHASES) if "SECONDS" in os.environ else (2, "examples,fuzzing")
"""The same for each role, whose rights depend neither on flaws of a request nor on earlier ones."""
STAYS = "use_after_free"
"""The check that a DELETE removes; here it aborts, and the job stays."""
SAME = ("--generation-deterministic", "--no-color")
"""The same requests in each run: a failure is repeatable."""
RUN_S = 300
"""It takes half a minute alone; other tests beside it may take nine tenths of the processors."""

pytestmark = pytest.mark.timeout(RUN_S + 60)


def test_a_node_behaves_as_its_document_says(start_node: Nodes, tmp_path: Path) -> None:
    """Valid requests are accepted, others refused, and every answer is one that it lists."""
    node = start_node()
    examine(node, tmp_path, examples=EXAMPLES)
    assert node.drain() == 0, node.log


@pytest.mark.parametrize("role", variants(["user"], long=["viewer", "operator", "admin"]))
async def test_a_node_that_asks_for_tokens_behaves_so_for_each_role(
    start_node: Nodes, tmp_path: Path, role: str
) -> None:
    """With the token, without it and with another one: each refusal is one that it lists."""
    node = start_node(AUTH__MODE="tokens")
    node.token = (node.folder / "data" / "admin-token").read_text().strip()
    order = {"name": role, "role": role, "uids": ["*"]}
    _, made = await node.call("POST", "/-/tokens", order)
    await asyncio.to_thread(
        examine, node, tmp_path, examples=FEW, phases=SHORT, token=made["token"]
    )
    assert node.drain() == 0, node.log


def examine(
    node: Node, folder: Path, *, examples: int, phases: str = PHASES, token: str = ""
) -> None:
    """Run Schemathesis against a node."""
    command = Path(sys.executable).with_name("schemathesis")
    options = f"--phases {phases} --max-examples {examples} --checks all --exclude-checks {STAYS}"
    bears = ("--header", f"Authorization: Bearer {token}") if token else ()
    ran = subprocess.run(
        [command, "run", f"{node.url}/-/openapi.json", *options.split(), *SAME, *bears],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "SCHEMATHESIS_HOOKS": "tests.support.schemathesis_hooks",
            "ASKS_FOR_TOKENS": "yes" if token else "",
        },
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=RUN_S,
    )
    assert ran.returncode == 0, ran.stdout

"""A live node behaves as its OpenAPI document says, whatever the requests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.nodes import ROOT, Nodes

EXAMPLES = 10
"""For each operation and phase: enough to get each kind of answer, in about ten seconds."""
STAYS = "use_after_free"
"""The check that a DELETE removes; here it aborts, and the job stays."""
SAME = ("--generation-deterministic", "--no-color")
"""The same requests in each run: a failure is repeatable."""
RUN_S = 100


def test_a_node_behaves_as_its_document_says(start_node: Nodes, tmp_path: Path) -> None:
    """Valid requests are accepted, others refused, and every answer is one that it lists."""
    node = start_node()
    command = Path(sys.executable).with_name("schemathesis")
    options = f"--max-examples {EXAMPLES} --checks all --exclude-checks {STAYS}"
    ran = subprocess.run(
        [command, "run", f"{node.url}/-/openapi.json", *options.split(), *SAME],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "SCHEMATHESIS_HOOKS": "tests.support.schemathesis_hooks",
        },
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=RUN_S,
    )
    assert ran.returncode == 0, ran.stdout
    assert node.drain() == 0, node.log

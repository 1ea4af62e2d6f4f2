"""`make bench-receipt`: the picture of a receipt in the README, of a real abort.

A job with nine children, some of which are detached, is aborted with the defaults. Its receipt goes
to `bench/results/receipt.json`, and the picture is drawn from that.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import escape

from bench.harness.run import RESULTS, ROOT, about, end_with, run
from bench.jobs.endless import CHILDREN
from bench.ours.node import WAIT_S, open_node

FIGURES: Final = RESULTS / "receipt.json"
PICTURE: Final = ROOT / "docs" / "images" / "receipt.svg"
WIDTH, LINE, TOP, LEFT, SECOND = 760, 30, 108, 32, 250
STYLE: Final = """
.card { fill: #ffffff; stroke: #c9d1d9 } .rule { stroke: #c9d1d9; stroke-dasharray: 4 4 }
text { fill: #1f2328; font: 16px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace }
.title { font-size: 20px; font-weight: bold } .name { fill: #59636e } .proof { font-weight: bold }
.proof { fill: #1a7f37 }
@media (prefers-color-scheme: dark) {
  .card { fill: #0d1117; stroke: #3d444d } .rule { stroke: #3d444d }
  text { fill: #f0f6fc } .name { fill: #9198a1 } .proof { fill: #3fb950 }
}
"""


async def measure(folder: Path) -> Mapping[str, Any]:
    """Abort a job that runs, and return it."""
    async with open_node(folder) as node:
        running = await node.start_job("tree")
        path = f"/bench/{running.id}?reason=wrong+input&wait={WAIT_S}"
        status, job = await node.call("DELETE", path)
    assert (status, job["status"]) == (200, "aborted"), job
    return {**about(1), "job": job["id"], "status": job["status"], "abort": job["abort"]}


def picture(figures: Mapping[str, Any]) -> str:
    """The receipt as an SVG, in the colours of the page that shows it."""
    rows = list(_rows(figures["abort"]))
    height = TOP + LINE * len(rows)
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
            f"<title>{escape(sentence(figures['abort']))}</title>",
            f"<style>{STYLE}</style>",
            f'<rect class="card" x="1" y="1" width="{WIDTH - 2}" height="{height - 2}" rx="8"/>',
            _text(LEFT, 42, "title", f"Job {figures['status']}"),
            _text(LEFT, 66, "name", figures["job"]),
            f'<line class="rule" x1="{LEFT}" y1="82" x2="{WIDTH - LEFT}" y2="82"/>',
            *(
                line
                for number, (name, value, kind) in enumerate(rows)
                for line in (
                    _text(LEFT, TOP + LINE * number, "name", name),
                    _text(SECOND, TOP + LINE * number, kind, value),
                )
            ),
            "</svg>\n",
        )
    )


def sentence(abort: Mapping[str, Any]) -> str:
    """The receipt for whoever does not see the picture."""
    return (
        f"The receipt of an abort: {abort['processes']} processes ended, {abort['survivors']} still"
        f" alive, {abort['latency_ms']} ms after the request."
    )


def _rows(abort: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Name, value and kind of each line."""
    yield "reason", abort["reason"], "value"
    yield "requested at", abort["requested_at"], "value"
    yield "dead at", abort["finished_at"], "value"
    yield "time to proven death", f"{abort['latency_ms']} ms", "proof"
    yield "last signal needed", abort["signal"], "value"
    yield "processes ended", f"{abort['processes']} (one, and its {CHILDREN} children)", "value"
    yield "processes still alive", str(abort["survivors"]), "proof"


def _text(x: int, y: int, kind: str, text: str) -> str:
    return f'<text class="{kind}" x="{x}" y="{y}">{escape(text)}</text>'


def main() -> None:
    """Measure, and write figures and picture."""
    figures = run(measure)
    FIGURES.write_text(json.dumps(figures, indent=2) + "\n")
    PICTURE.write_text(picture(figures))
    print(sentence(figures["abort"]))


if __name__ == "__main__":
    end_with(main)

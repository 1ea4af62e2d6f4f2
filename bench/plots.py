"""`make bench-plots`: draws the saved figures as `docs/images/bench-….png`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from bench.harness.charts import OURS, Bars, Chart, Curves, charts
from bench.harness.run import RESULTS, ROOT

IMAGES: Final = ROOT / "docs" / "images"
WIDTH_IN: Final = 7.5
PANEL_IN: Final = 2.8
"""The height of a panel with curves."""
BAR_IN: Final = 0.28
HEAD_IN: Final = 1.1
"""Title and axis of a panel with bars."""
FILLED: Final = 0.8
"""The share of a case's height that its bars fill."""
DPI: Final = 120
BLUE: Final = "#2a6fbb"
GREY: Final = "#b8bec6"
SHADES: Final = (BLUE, "#e0a458", "#7d9d7a", "#c98b8b", "#8e7cc3", "#8fb8e0")
"""By series; where there is one series only, ours is blue and the peers are grey."""
STYLE: Final[Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#888888",
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "figure.facecolor": "white",
    "font.size": 9,
    "grid.color": "#e6e6e6",
    "legend.frameon": False,
}


def draw(panels: Sequence[Chart], file: Path) -> None:
    """Draw one image: panels of bars below one another, panels of curves two in a row."""
    curves = all(isinstance(panel, Curves) for panel in panels)
    columns = 2 if curves else 1
    heights = [_height_in(panel) for panel in panels[::columns]]
    figure = Figure(figsize=(WIDTH_IN, sum(heights)), dpi=DPI, layout="constrained")
    axes = figure.subplots(len(heights), columns, squeeze=False, height_ratios=heights).flat
    for panel, each in zip(panels, axes, strict=True):
        if isinstance(panel, Bars):
            _draw_bars(each, panel)
        else:
            _draw_curves(each, panel)
    figure.savefig(file)


def _height_in(panel: Chart) -> float:
    if isinstance(panel, Curves):
        return PANEL_IN
    per_case = 1 if panel.stacked else max(len(series) for series in panel.bars.values())
    return HEAD_IN + BAR_IN * len(panel.bars) * (per_case + 0.3)


def _draw_bars(axes: Axes, panel: Bars) -> None:
    names = list(dict.fromkeys(name for series in panel.bars.values() for name in series))
    shades = dict(zip(names, SHADES, strict=False))
    for row, (case, series) in enumerate(panel.bars.items()):
        if panel.stacked:
            _draw_stack(axes, row, series, shades)
        elif len(names) == 1:
            other = OURS in panel.bars and case != OURS
            _draw_group(axes, row, series, dict.fromkeys(names, GREY if other else BLUE))
        else:
            _draw_group(axes, row, series, shades)
    axes.set_yticks(range(len(panel.bars)), list(panel.bars))
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    axes.xaxis.set_major_formatter("{x:,g}")
    axes.locator_params(axis="x", nbins=6)
    axes.margins(x=0.12)
    axes.set_title(panel.title)
    axes.set_xlabel(panel.unit)
    if len(names) > 1:
        keys = [Patch(color=shade, label=name) for name, shade in shades.items()]
        axes.legend(handles=keys, loc="upper left", bbox_to_anchor=(1, 1))


def _draw_group(
    axes: Axes, row: int, series: Mapping[str, float], shades: Mapping[str, str]
) -> None:
    """Bars below one another; each series has the same offset in every case."""
    thickness = FILLED / len(shades)
    for number, (name, shade) in enumerate(shades.items()):
        if name in series:
            offset = row + (number - (len(shades) - 1) / 2) * thickness
            axes.barh(offset, series[name], thickness, color=shade)
            _annotate(axes, series[name], offset)


def _draw_stack(
    axes: Axes, row: int, series: Mapping[str, float], shades: Mapping[str, str]
) -> None:
    """The bars of a case, end to end in one row."""
    end = 0.0
    for name, value in series.items():
        axes.barh(row, value, FILLED, end, color=shades[name])
        end += value
    _annotate(axes, end, row)


def _annotate(axes: Axes, value: float, row: float) -> None:
    """Write a figure at the end of its bar."""
    text = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    axes.annotate(text, (value, row), (4, 0), textcoords="offset points", va="center", fontsize=8)


def _draw_curves(axes: Axes, panel: Curves) -> None:
    for shade, (name, points) in zip(SHADES, panel.lines.items(), strict=False):
        axes.plot(list(points), list(points.values()), marker="o", color=shade, label=name)
    axes.set_xscale("log")
    axes.set_xticks(sorted({count for points in panel.lines.values() for count in points}))
    axes.minorticks_off()
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.yaxis.set_major_formatter("{x:,g}")
    axes.set_ylim(bottom=0)
    axes.margins(y=0.2)
    axes.grid()
    axes.set_title(panel.title)
    axes.set_xlabel("jobs beside it")
    axes.set_ylabel(panel.unit)
    axes.legend(loc="lower right")


def main() -> None:
    """Draw everything that was measured."""
    IMAGES.mkdir(exist_ok=True)
    with mpl.rc_context(STYLE):
        for name, panels in charts(RESULTS).items():
            file = IMAGES / f"bench-{name}.png"
            draw(panels, file)
            print(file.relative_to(ROOT))


if __name__ == "__main__":
    main()

// A chart as wide as its container, in the colours of its legend, for light and dark.
import { html, useEffect, useRef, useState } from "../vendor/htm-preact.js";
import UPlot from "../vendor/uplot.js";

const HEIGHT = 180;

// `series`: [{name, label, values}], `kind`: "bars" (stacked) or "lines"; `times` in seconds.
export function Chart({ title, times, series, kind }) {
  const container = useRef(null);
  const plot = useRef(null);
  const theme = useTheme();
  const data = [times, ...(kind === "bars" ? stacked(series) : series.map((each) => each.values))];

  useEffect(() => {
    const width = container.current.clientWidth;
    plot.current = new UPlot(options(container.current, series, kind, width), data, container.current);
    const observer = new ResizeObserver(([entry]) =>
      plot.current.setSize({ width: Math.floor(entry.contentRect.width), height: HEIGHT }),
    );
    observer.observe(container.current);
    return () => {
      observer.disconnect();
      plot.current.destroy();
    };
  }, [theme]);
  useEffect(() => plot.current.setData(data), [times, ...series.map((each) => each.values)]);

  return html`
    <figure class="chart" aria-label=${title}>
      <figcaption>
        <span>${title}</span>
        ${series.map((each) => html`<span class="key" data-status=${each.name}>${each.label}</span>`)}
      </figcaption>
      <div ref=${container} class="plot"></div>
    </figure>
  `;
}

// Adds to each series those after it. They are drawn in order, so the smaller sums cover the larger.
function stacked(series) {
  return series.map((_, first) =>
    series[0].values.map((_, at) => series.slice(first).reduce((sum, each) => sum + each.values[at], 0)),
  );
}

// The range of times: bars get half a minute of room at each side; lines fill the chart, however few
// minutes they have, and one point alone still has a width.
const spans = {
  bars: (_, first, last) => [first - 30, last + 30],
  lines: (_, first, last) => [Math.min(first, last - 1), last],
};
const LABEL = "{HH}:{mm}:{ss}"; // of both kinds, which stand side by side; lines may span seconds only

function options(container, series, kind, width) {
  const figure = container.closest("figure");
  const colour = (name) => getComputedStyle(figure.querySelector(`[data-status=${name}]`)).color;
  const ink = getComputedStyle(figure).color;
  const axis = { stroke: ink, font: "12px system-ui", grid: { stroke: ink, width: 0.15 }, ticks: { show: false } };
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    padding: [8, 30, 0, 0], // room for half of the last label
    scales: { x: { range: spans[kind] }, y: { range: (_, __, max) => [0, Math.max(4, max * 1.1)] } },
    axes: [
      { ...axis, grid: { show: false }, size: 30, gap: 8, values: LABEL, space: 70 },
      { ...axis, size: 44, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 5e4] },
    ],
    series: [{}, ...series.map((each) => drawn(kind, colour(each.name)))],
  };
}

function drawn(kind, colour) {
  const points = { show: false };
  if (kind === "lines") return { stroke: colour, width: 2, points };
  return { fill: colour, width: 0, points, paths: UPlot.paths.bars({ size: [0.7, 32] }) };
}

// Whether the page is dark; changes whenever the colours do.
function useTheme() {
  const [dark, setDark] = useState(window.atlanTheme.isDark());
  useEffect(() => {
    const onTheme = () => setDark(window.atlanTheme.isDark());
    addEventListener("atlan-theme", onTheme);
    return () => removeEventListener("atlan-theme", onTheme);
  }, []);
  return dark;
}

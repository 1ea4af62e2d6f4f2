// Numbers and times as text for people.

const number = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

export const count = (value) => number.format(value);

export const jobs = (value) => `${count(value)} ${value === 1 ? "job" : "jobs"}`;

const UNITS = [
  [86400, "d", 3600, "h"],
  [3600, "h", 60, "min"],
  [60, "min", 1, "s"],
];

// 0.018 → "18 ms", 3.14 → "3.1 s", 75 → "1 min 15 s"
export function duration(seconds) {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${number.format(seconds)} s`;
  const [size, unit, small, smallUnit] = UNITS.find(([least]) => seconds >= least);
  const rest = Math.floor((seconds % size) / small);
  return `${Math.floor(seconds / size)} ${unit}` + (rest ? ` ${rest} ${smallUnit}` : "");
}

// 268435456 → "256 MiB"
export function size(bytes) {
  const power = Math.min(Math.floor(Math.log2(bytes) / 10), 4);
  return `${number.format(bytes / 1024 ** power)} ${["bytes", "KiB", "MiB", "GiB", "TiB"][power]}`;
}

export const secondsBetween = (from, to) => Math.max(0, (new Date(to) - new Date(from)) / 1000);

export function ago(instant, now) {
  const seconds = Math.floor(secondsBetween(instant, now));
  return seconds < 1 ? "just now" : `${duration(seconds)} ago`;
}

// All times are in the viewer's zone, by a clock of 24 hours, in whatever language the browser is:
// "2026-11-23 14:08:50.682".
function local(instant) {
  const at = new Date(instant);
  return new Date(at - at.getTimezoneOffset() * 60_000).toISOString().replace("T", " ").slice(0, -1);
}

// "2026-11-23 14:08:50"
export const moment = (instant) => local(instant).slice(0, -4);

// "2026-11-23T14:08", as fields for times have it
export const minute = (instant) => local(instant).slice(0, 16).replace(" ", "T");

// "14:08:50"
export const time = (instant) => moment(instant).slice(-8);

// "14:08:50.682"
export const lineTime = (instant) => local(instant).slice(-12);

// The last part of an id, which is random: it differs between two jobs of the same moment.
export const shortId = (id) => `…${id.slice(-8)}`;

// Levels that are indented. The text of deeper values would grow with the square of their depth.
const INDENTED = 100;

export function json(value) {
  if (value === undefined) return "";
  try {
    const text = JSON.stringify(value);
    return depth(text) > INDENTED ? text : JSON.stringify(value, null, 2);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return "too deep to be shown here; the API has it";
  }
}

// How deep a value is at most: brackets in its texts count as well.
function depth(text) {
  let now = 0;
  let deepest = 0;
  for (const bracket of text.match(/[[\]{}]/g) ?? []) {
    now += bracket === "[" || bracket === "{" ? 1 : -1;
    deepest = Math.max(deepest, now);
  }
  return deepest;
}

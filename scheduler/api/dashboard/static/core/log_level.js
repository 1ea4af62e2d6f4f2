// The level of a log line, where it has one near its beginning, as logging libraries write it:
// `WARNING:root:`, `[info   ]`, `level=error`, `"level": "debug"`. In lower case only so: "an error"
// in a sentence is no level.
const NAMES = "debug|info|notice|warn(?:ing)?|error|critical|fatal";
const LEVEL = new RegExp(
  String.raw`\b(?:${NAMES.toUpperCase()})\b|(?<=\[)(?:${NAMES})(?=\s*\])|(?<=\b(?:level|levelname|severity)"?[=:]\s*"?)(?:${NAMES})\b`,
);
const WITHIN = 100; // characters
const RANKS = { d: "low", i: "plain", n: "plain", w: "warning", e: "error", c: "error", f: "error" };

// {before, level, after, rank}, or null: the line around its level.
export function levelOf(line) {
  const found = LEVEL.exec(line.slice(0, WITHIN));
  if (!found) return null;
  const [level] = found;
  return {
    before: line.slice(0, found.index),
    level,
    after: line.slice(found.index + level.length),
    rank: RANKS[level[0].toLowerCase()],
  };
}

// Talks to the node. Bodies are JSON, and whatever goes wrong is a Problem with a sentence to show.
import { noteReached } from "./connection.js";

const ANSWER_MS = 8000; // after which a node that was asked for something hangs
const CHANGE_MS = 60_000; // after which one does that was told to change something, perhaps much

// This file is at HOME/-/ui/core/api.js, whatever path a proxy put before HOME.
const HOME = new URL("../../../", import.meta.url);

export class Problem extends Error {
  constructor(detail, status = 0, errors = []) {
    super(detail);
    this.status = status; // 0: the node was not reached
    this.errors = errors; // [{pointer, detail}]
  }
}

export const urlOf = (path) => new URL(path.slice(1), HOME).href;

export const place = (...parts) => "/" + parts.map(encodeURIComponent).join("/");

// "?a=1&b=2" of what is set.
export function queryOf(fields) {
  const set = Object.entries(fields).filter(([, value]) => value);
  return set.length ? "?" + new URLSearchParams(set) : "";
}

// Reads JSON to write it again: its numbers stay as they came, where the browser can do that.
export function exact(text) {
  return JSON.parse(text, (_, value, context) =>
    typeof value === "number" && JSON.rawJSON ? JSON.rawJSON(context.source) : value,
  );
}

// The JSON of the answer. `body`, if there is one, is JSON text.
export async function ask(method, path, body, read = JSON.parse) {
  const answer = await reach(path, {
    method,
    body,
    headers: body === undefined ? {} : { "Content-Type": "application/json" },
    signal: AbortSignal.timeout(method === "GET" ? ANSWER_MS : CHANGE_MS),
  });
  const document = parsed(await answer.text().catch(unreached), read);
  if (!answer.ok) {
    const detail = document.detail || `The node answered with status ${answer.status}.`;
    throw new Problem(detail, answer.status, document.errors);
  }
  return document;
}

function parsed(text, read) {
  try {
    return read(text);
  } catch {
    return {}; // from what stands before the node
  }
}

// Whether it answers at all. Nothing else tells of a node that hangs: its connections stay.
export const pulse = () => reach("/-/health", { signal: AbortSignal.timeout(ANSWER_MS) }).catch(() => {});

// The answer, whatever its status. Without a `signal` it may take for ever.
export async function reach(path, options) {
  const answer = await fetch(urlOf(path), { cache: "no-store", ...options }).catch(unreached);
  noteReached(true);
  return answer;
}

function unreached(error) {
  if (error.name === "AbortError") throw error; // nobody wants it any more
  noteReached(false);
  throw new Problem("The node does not answer.");
}

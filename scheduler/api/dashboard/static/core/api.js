// Sends requests to the node. Bodies are JSON, and every error is a Problem with a message to show.
import { noteReached } from "./connection.js";

const ANSWER_MS = 8000; // after which a node that does not answer a GET is taken to hang
const CHANGE_MS = 60_000; // the same for a change, such as the abort of many jobs

// This file is at HOME/-/ui/core/api.js, also if HOME has the path prefix of a proxy.
const HOME = new URL("../../../", import.meta.url);

export class Problem extends Error {
  constructor(detail, status = 0, errors = []) {
    super(detail);
    this.status = status; // 0: the node was not reached
    this.errors = errors; // [{pointer, detail}]
  }
}

let refused = () => {};

// Call this function whenever the node answers that nobody is logged in.
export function onRefused(listener) {
  refused = listener;
}

export const urlOf = (path) => new URL(path.slice(1), HOME).href;

export const pathOf = (...parts) => "/" + parts.map(encodeURIComponent).join("/");

// "?a=1&b=2", of the fields that are set.
export function queryOf(fields) {
  const set = Object.entries(fields).filter(([, value]) => value);
  return set.length ? "?" + new URLSearchParams(set) : "";
}

// Parses JSON that is to be written again: keeps the text of its numbers, if the browser supports it.
// A value that is too deep for that is parsed without: a page that shows most of a job is better.
export function exact(text) {
  try {
    return JSON.parse(text, (_, value, context) =>
      typeof value === "number" && JSON.rawJSON ? JSON.rawJSON(context.source) : value,
    );
  } catch (error) {
    if (error instanceof RangeError) return JSON.parse(text);
    throw error;
  }
}

// Reads a page of a list under a name, and the cursor of the next page, if there is one.
export const pageOf = (name) => (text, headers) => {
  const [, next] = /<([^>]*)>; rel="next"/.exec(headers.get("Link")) || [];
  return { [name]: JSON.parse(text), next: next && new URLSearchParams(next).get("after") };
};

export const jobPage = pageOf("jobs");

// The JSON of the response, or what `read` makes of its text and headers. `body`, if there is one, is
// JSON text.
export async function ask(method, path, body, read = (text) => JSON.parse(text)) {
  const answer = await reach(path, {
    method,
    body,
    headers: body === undefined ? {} : { "Content-Type": "application/json" },
    signal: AbortSignal.timeout(method === "GET" ? ANSWER_MS : CHANGE_MS),
  });
  const document = parsed(await answer.text().catch(unreached), answer, read);
  if (!answer.ok) {
    const detail = document.detail || `The node answered with status ${answer.status}.`;
    throw new Problem(detail, answer.status, document.errors);
  }
  return document;
}

function parsed(text, answer, read) {
  try {
    return answer.ok ? read(text, answer.headers) : JSON.parse(text);
  } catch {
    return {}; // not JSON: the response of a proxy in front of the node
  }
}

// Checks whether the node answers. Nothing else shows that it hangs: its connections stay open.
export const checkHealth = () => reach("/-/health", { signal: AbortSignal.timeout(ANSWER_MS) }).catch(() => {});

// The response, whatever its status. Without a `signal` it may take for ever.
export async function reach(path, options) {
  const answer = await fetch(urlOf(path), { cache: "no-store", ...options }).catch(unreached);
  noteReached(true);
  if (answer.status === 401) refused();
  return answer;
}

function unreached(error) {
  if (error.name === "AbortError") throw error; // the request was cancelled
  noteReached(false);
  throw new Problem("The node does not answer.");
}

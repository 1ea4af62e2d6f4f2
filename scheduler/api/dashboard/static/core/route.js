// The URL behind the # says what is shown: #/jobs?uid=ada&status=running. Nothing else remembers it.
import { useEffect, useState } from "../vendor/htm-preact.js";
import { queryOf } from "./api.js";

function current() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const parts = path.split("/").filter(Boolean).map(decoded);
  return { page: parts[0] || "overview", parts, query: Object.fromEntries(new URLSearchParams(query)) };
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // typed by hand, and not by us
  }
}

export function useRoute() {
  const [route, setRoute] = useState(current);
  useEffect(() => {
    const onChange = () => setRoute(current());
    addEventListener("hashchange", onChange);
    return () => removeEventListener("hashchange", onChange);
  }, []);
  return route;
}

export const link = (parts, query = {}) =>
  "#/" + parts.map(encodeURIComponent).join("/") + queryOf(query);

export const jobLink = (job) => link(["jobs", job.uid, job.id]);

export function go(target) {
  location.hash = target;
}

// Go there without a step in the browser's history: Back does not lead to where this was.
export function replace(target) {
  history.replaceState(null, "", target);
  dispatchEvent(new HashChangeEvent("hashchange"));
}

// A page with some of its query changed, without a step in the browser's history. What is kept is
// what the URL says now: a change that waited for the end of typing must not take back a later one.
// In one order, so that one choice has one URL.
export function refine(parts, changed) {
  replace(link(parts, { uid: "", task: "", status: "", ...current().query, ...changed }));
}

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

// The same page with another query, without a step in the browser's history.
export function refine(parts, query) {
  history.replaceState(null, "", link(parts, query));
  dispatchEvent(new HashChangeEvent("hashchange"));
}

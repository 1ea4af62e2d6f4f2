// The URL after the # says what is shown: #/jobs?uid=ada&status=running. It is the only state of this.
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
    return part; // an address that was typed by hand
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

// The form that submits a job is a part of the query, whatever page it is opened on.
export function formLink(form) {
  const { page, parts, query } = current();
  return link(parts.length ? parts : [page], { ...query, ...form });
}

export function openForm(form) {
  history.pushState({ form: true }, "", formLink(form));
  dispatchEvent(new HashChangeEvent("hashchange"));
}

// Back to the page as it was: also in the browser's history, unless the form was opened by its URL.
export function closeForm() {
  if (history.state?.form) history.back();
  else replace(formLink({ submit: "", again: "" }));
}

// Go there without an entry in the browser's history: Back does not lead to the current page.
export function replace(target) {
  history.replaceState(null, "", target);
  dispatchEvent(new HashChangeEvent("hashchange"));
}

// Change a part of a page's query, without an entry in the browser's history. The rest is taken from
// the current URL: a change that was delayed until the end of typing must not undo a later one.
// The order of the fields is fixed, so that each choice has one URL.
export function refine(parts, changed) {
  replace(link(parts, { uid: "", task: "", status: "", ...current().query, ...changed }));
}

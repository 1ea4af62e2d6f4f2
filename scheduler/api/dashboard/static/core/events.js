// Follows the node's events. The browser reconnects and resumes by itself.
import { useEffect, useRef } from "../vendor/htm-preact.js";
import { checkHealth, urlOf } from "./api.js";

const AGAIN_MS = 2000; // after a refusal by the node; after a lost connection the browser itself reconnects

// Follow the events at `path` (null: none). `listeners` has a function for each kind of event, and one
// for "missed": the connection was just opened, or the node does not know what happened in between.
export function useEvents(path, listeners) {
  const latest = useRef(listeners);
  latest.current = listeners;
  useEffect(() => (path ? listen(path, latest) : undefined), [path]);
}

function listen(path, latest) {
  let source = null;
  let timer = 0;

  function open() {
    source = new EventSource(urlOf(path));
    source.onopen = () => latest.current.missed?.();
    source.onerror = () => {
      checkHealth(); // shows at once whether the node is away
      if (source.readyState === EventSource.CLOSED) timer = setTimeout(open, AGAIN_MS);
    };
    source.addEventListener("reset", () => latest.current.missed?.());
    for (const kind of ["status", "progress"]) {
      source.addEventListener(kind, (event) => latest.current[kind]?.(event.data));
    }
  }

  function close() {
    clearTimeout(timer);
    source?.close();
  }

  // A browser opens at most six connections to a node: a hidden page gives its own up.
  function onVisibility() {
    close();
    if (!document.hidden) open();
  }

  document.addEventListener("visibilitychange", onVisibility);
  open();
  return () => {
    document.removeEventListener("visibilitychange", onVisibility);
    close();
  };
}

// What happens on the node, as it happens. The browser connects again by itself and resumes.
import { useEffect, useRef } from "../vendor/htm-preact.js";
import { pulse, urlOf } from "./api.js";

const AGAIN_MS = 2000; // after the node refused; a lost line the browser takes up again by itself

// Listen at `path` (null: to nothing). `heard` has a function for each kind of event, and for
// "missed": the line was only now opened, or the node no longer knows what came in between.
export function useEvents(path, heard) {
  const latest = useRef(heard);
  latest.current = heard;
  useEffect(() => (path ? listen(path, latest) : undefined), [path]);
}

function listen(path, latest) {
  let source = null;
  let timer = 0;

  function open() {
    source = new EventSource(urlOf(path));
    source.onopen = () => latest.current.missed?.();
    source.onerror = () => {
      pulse(); // tells the page at once if it is the node that is gone
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

  // A browser has six lines to a node: a page that nobody looks at gives its own back.
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

// What happens on the node: as long as somebody looks, the page looks again.
import { useEffect, useRef } from "../vendor/htm-preact.js";

const LOOK_MS = 2000;

// `heard.missed` is called for whatever may have happened at `path` (null: nothing can).
export function useEvents(path, heard) {
  const latest = useRef(heard);
  latest.current = heard;
  useEffect(() => {
    if (!path) return undefined;
    const timer = setInterval(() => document.hidden || latest.current.missed(), LOOK_MS);
    return () => clearInterval(timer);
  }, [path]);
}

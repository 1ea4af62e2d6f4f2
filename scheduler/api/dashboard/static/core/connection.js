// Whether the node answered the last request; the whole page shows it.
import { useEffect, useState } from "../vendor/htm-preact.js";

const watchers = new Set();
let state = { lost: false, since: new Date() };

// Record whether a request reached the node.
export function noteReached(reached) {
  if (reached !== state.lost) {
    if (reached) state.since = new Date();
    return;
  }
  state = { lost: !reached, since: reached ? new Date() : state.since };
  for (const watcher of watchers) watcher(state);
}

// {lost, since}: `since` is when the node last answered.
export function useConnection() {
  const [seen, see] = useState(state);
  useEffect(() => {
    watchers.add(see);
    see(state);
    return () => watchers.delete(see);
  }, []);
  return seen;
}

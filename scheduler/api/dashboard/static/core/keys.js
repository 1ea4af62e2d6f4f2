// Keys that do what the mouse does. None is heard while somebody types or answers a dialog.
import { useLayoutEffect, useRef } from "../vendor/htm-preact.js";

export const KEYS = [
  ["g o", "overview"],
  ["g j", "jobs"],
  ["g n", "nodes"],
  ["g h", "handlers"],
  ["n", "submit a new job"],
  ["/", "filter the jobs"],
  ["j  k", "next, previous job in the list"],
  ["a", "abort what is shown"],
  ["t", "light or dark"],
  ["?", "this help"],
];
const LEADER = "g"; // what pairs begin with: the key after it does nothing else
const PAIR_MS = 1000; // within which the second key of a pair follows the first

// `actions` by key, pairs as "g o".
export function useKeys(actions) {
  const latest = useRef(actions);
  latest.current = actions;
  useLayoutEffect(() => {
    let first = { key: "", at: 0 };
    function onKey(event) {
      if (event.ctrlKey || event.metaKey || event.altKey || isBusy(event.target)) return;
      const isSecond = first.key === LEADER && event.timeStamp - first.at < PAIR_MS;
      const action = latest.current[isSecond ? `${LEADER} ${event.key}` : event.key];
      first = { key: event.key, at: event.timeStamp };
      if (action) {
        event.preventDefault();
        action();
      }
    }
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
}

const isBusy = (target) =>
  document.querySelector("dialog[open]") || target.closest?.("input, textarea, select");

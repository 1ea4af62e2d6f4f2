// Keyboard shortcuts. They are ignored while the user types or a dialog is open.
import { useLayoutEffect, useRef } from "../vendor/htm-preact.js";

export const KEYS = [
  ["g o", "overview"],
  ["g j", "jobs"],
  ["g s", "schedules"],
  ["g n", "nodes"],
  ["g h", "handlers"],
  ["g p", "pauses"],
  ["g a", "audit log"],
  ["n", "submit a new job"],
  ["/", "filter the jobs"],
  ["j  k", "next, previous job in the list"],
  ["a", "abort what is shown"],
  ["t", "light or dark"],
  ["?", "this help"],
];
const LEADER = "g"; // the first key of a pair: the key after it has no other effect
const PAIR_MS = 1000; // within which the second key of a pair must follow

// `actions`: functions by key; pairs are written as "g o".
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

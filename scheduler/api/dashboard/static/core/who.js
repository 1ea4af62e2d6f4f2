// Who is logged in, and what they may do. null while that is not known; {out: true}: nobody is.
import { useEffect, useState } from "../vendor/htm-preact.js";
import { ask, onRefused } from "./api.js";

const watchers = new Set();
let who = null;

function set(found) {
  who = found;
  for (const watcher of watchers) watcher(who);
}

// A session may end at any time: by logout in another tab, or with its token.
onRefused(() => who?.out || set({ out: true }));

export const loadWho = () =>
  ask("GET", "/-/ui/data/me").then(set, (problem) => {
    if (problem.status === 403) set({ problem, rights: [] }); // known to a proxy, and in none of the groups
  });

export async function login(token) {
  await ask("POST", "/-/login", JSON.stringify({ token }));
  await loadWho();
}

export async function logout() {
  await ask("POST", "/-/logout");
  set({ out: true });
}

export function useWho() {
  const [seen, see] = useState(who);
  useEffect(() => {
    watchers.add(see);
    see(who);
    return () => watchers.delete(see);
  }, []);
  return seen;
}

// Whether who is logged in has a right: "read", "change", "operate" or "administer".
export const useMay = (right) => useWho()?.rights?.includes(right) ?? false;

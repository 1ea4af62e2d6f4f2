// Loads what a page shows, and loads it again: never twice at a time, never too often.
import { useEffect, useRef, useState } from "../vendor/htm-preact.js";
import { ask } from "./api.js";
import { useConnection } from "./connection.js";

const GAP_MS = 500; // between two loads of one thing, however much happens meanwhile
const NOTHING = { data: null, at: null, problem: null };

// {data, at, problem, reload, change}: while loading again, and when that fails, the old data stay;
// `at` is when they came, in ms. Events make it faster, and are not relied on: what is shown is loaded
// again every so often. `read` makes JSON of the text.
export function useData(path, { everyMs = 10_000, read } = {}) {
  const [state, setState] = useState({ path, ...NOTHING });
  const loader = useRef(null);
  const wasLost = useRef(false);
  const { lost } = useConnection();

  useEffect(() => {
    setState({ path, ...NOTHING });
    loader.current = new Loader(path, read, (found) => setState((old) => ({ ...old, ...found })));
    loader.current.reload();
    const timer = setInterval(() => loader.current.reload(), everyMs);
    const onVisibility = () => document.hidden || loader.current.wake();
    document.addEventListener("visibilitychange", onVisibility);
    return () => {
      document.removeEventListener("visibilitychange", onVisibility);
      clearInterval(timer);
      loader.current.stop();
    };
  }, [path, everyMs]);
  useEffect(() => {
    if (wasLost.current && !lost) loader.current.reload();
    wasLost.current = lost;
  }, [lost]);

  // What was loaded for another path is not shown under this one.
  return {
    ...(state.path === path ? state : NOTHING),
    reload: () => loader.current.reload(),
    change: (changed) => {
      loader.current.note(changed);
      setState((old) => (old.data ? { ...old, data: changed(old.data) } : old));
    },
  };
}

class Loader {
  constructor(path, read, found) {
    this.path = path;
    this.read = read;
    this.found = found;
    this.busy = this.again = this.stopped = false;
    this.rest = 0; // the timer of it, while it rests
    this.changes = [];
  }

  // An answer that is on its way may be older than this change: it is changed alike when it comes.
  note(changed) {
    if (this.busy) this.changes.push(changed);
  }

  async reload() {
    if (this.busy) {
      this.again = true;
      return;
    }
    this.busy = true;
    this.again = false;
    this.changes = [];
    const answer = await ask("GET", this.path, undefined, this.read).then(
      (data) => ({
        data: this.changes.reduce((old, changed) => changed(old), data),
        at: Date.now(),
        problem: null,
      }),
      (problem) => ({ problem }),
    );
    if (!this.stopped) this.found(answer);
    this.rest = setTimeout(() => this.rested(), document.hidden ? 20 * GAP_MS : GAP_MS);
  }

  rested() {
    clearTimeout(this.rest);
    this.rest = 0;
    this.busy = false;
    if (this.again && !this.stopped) this.reload();
  }

  // Somebody looks again: the long rest of a hidden page is over.
  wake() {
    this.reload();
    if (this.rest) this.rested();
  }

  stop() {
    this.stopped = true;
  }
}

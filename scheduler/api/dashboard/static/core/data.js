// Loads the data of a page, and loads it again: never twice at a time, never too often.
import { useEffect, useRef, useState } from "../vendor/htm-preact.js";
import { ask } from "./api.js";
import { useConnection } from "./connection.js";

const GAP_MS = 500; // at least so long between two loads of the same path, however many events there are
const NOTHING = { data: null, at: null, problem: null };

// {data, at, problem, reload, change}: the old data stays while it is loaded again, and if that fails;
// `at` is when it was loaded, in ms. Events only make updates faster: the data is also loaded again
// every `everyMs`. `read` makes the data of the text and the headers of a response.
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

  // Data of another path must not be shown for this one.
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
    this.rest = 0; // the timer of the pause after a load
    this.changes = [];
  }

  // A response that is on its way may be older than this change, so it is changed too when it arrives.
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

  // The page is visible again: end the long pause of a hidden page.
  wake() {
    this.reload();
    if (this.rest) this.rested();
  }

  stop() {
    this.stopped = true;
  }
}

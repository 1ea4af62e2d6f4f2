// When, and in which order, a queued job runs: what it waits for, and how to change that.
import { html, useState } from "../vendor/htm-preact.js";
import { useAlive } from "../core/alive.js";
import { ask, pathOf } from "../core/api.js";
import { duration, minute, moment, secondsBetween } from "../core/format.js";
import { Dialog } from "./dialog.js";
import { NotBefore } from "./order_fields.js";
import { aboutPause } from "./pauses.js";
import { Failed } from "./states.js";

const REASONS = {
  run_at: "its time",
  retry: "its next attempt",
  paused: "the end of a pause",
  quota: "another job of its user to end",
  unique: "the job that it replaces to be over",
  no_node: "a node that knows its handler and has the labels that it needs",
  limit: "another job of its handler to end",
  throttle: "its handler's throttle",
  after: "the jobs that it comes after",
  overlap: "the earlier jobs of its schedule to be over",
  replace: "the job that it replaces to be over",
};

// What a queued job waits for, as the end of a sentence that begins with "waits for".
export function waitsFor({ waits }, now) {
  if (!waits) return "a worker";
  const { for: reason, until, pause, missing } = waits;
  if (missing?.length) return `a node with ${missing.join(", ")}: no live node has ${missing.length === 1 ? "it" : "them"}`;
  if (pause) return `the end of a pause ${aboutPause(pause, until)}`;
  const what = REASONS[reason] ?? reason;
  return until ? `${what}, ${moment(until)}${left(until, now)}` : what;
}

function left(until, now) {
  const seconds = secondsBetween(now, until);
  return seconds >= 1 ? ` (in ${duration(Math.floor(seconds))})` : "";
}

// Whether it waits for a time alone, so that it may be let go before.
export const ends = (waits) => waits?.for === "run_at" || waits?.for === "retry";

export const headStart = (seconds) => `${seconds > 0 ? "+" : "-"}${duration(Math.abs(seconds))}`;

const change = (job, changes) => ask("PATCH", pathOf(job.uid, job.id), JSON.stringify(changes));

// Lets a held job run at once.
export function RunNow({ job, onChanged }) {
  const [state, setState] = useState({ problem: null, busy: false });

  async function run() {
    setState({ problem: null, busy: true });
    try {
      onChanged(await change(job, { run_at: null }));
    } catch (problem) {
      setState({ problem, busy: false });
    }
  }

  return html`
    <button class="outline" title="Do not wait for its time" aria-busy=${state.busy} disabled=${state.busy} onClick=${run}>Run now</button>
    ${state.problem && html`<${Failed} problem=${state.problem} />`}
  `;
}

// What a field says that had this time; where it has none now, the job may run at once.
function retimed(before, at) {
  if (at === (before ? minute(before) : "")) return {};
  return { run_at: at ? new Date(at).toISOString() : null };
}

// Asks for another priority, or another time.
export function PriorityDialog({ job, onChanged, onClose }) {
  const [state, setState] = useState({ problem: null, busy: false });
  const [before] = useState(job.run_at); // somebody else may change it meanwhile
  const alive = useAlive();

  async function save(event) {
    event.preventDefault();
    const { priority, run_at: at } = Object.fromEntries(new FormData(event.target));
    setState({ problem: null, busy: true });
    try {
      onChanged(await change(job, { priority: Number(priority), ...retimed(before, at) }));
      if (alive.current) onClose(); // else it would close the next dialog
    } catch (problem) {
      setState({ problem, busy: false });
    }
  }

  return html`
    <${Dialog} title="Change when it runs" onClose=${onClose}>
      <form onSubmit=${save}>
        <label>
          Head start in seconds
          <input name="priority" type="number" min="-86400" max="86400" step="1" required autofocus defaultValue=${job.priority} />
          <small>Before the user's other jobs; a negative number puts it behind them. A day, 86400, is the most.</small>
        </label>
        <${NotBefore} at=${before} />
        ${state.problem && html`<${Failed} problem=${state.problem} />`}
        <footer>
          <button type="button" class="secondary" onClick=${onClose}>Cancel</button>
          <button aria-busy=${state.busy} disabled=${state.busy}>Save</button>
        </footer>
      </form>
    <//>
  `;
}

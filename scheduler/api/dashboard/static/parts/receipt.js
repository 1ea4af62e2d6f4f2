// The receipt of an abort, step by step: requested, all processes dead, cleaned up.
import { html } from "../vendor/htm-preact.js";
import { count, duration, time } from "../core/format.js";
import { ended, undone } from "./status.js";

// How far the handler's on_abort is; the key of a list item's colour is `abort.cleanup`.
function undoing({ on_abort }) {
  const { state, tries, tries_max, error } = on_abort;
  if (state === "done") return `What the job did is ${undone(tries)} (on_abort)`;
  if (state === "running" && !tries) return "What the job did is being undone (on_abort) …";
  if (state === "pending" && !tries) return "Undoing what the job did (on_abort) waits for a free worker …";
  const times = tries_max ? ` ${count(tries)} of ${count(tries_max)} times` : "";
  const why = error ? `: ${error.type ? `${error.type}: ` : ""}${error.message}` : "";
  return `Undoing what the job did (on_abort) failed${times}${next(on_abort)}${why}`;
}

// What follows a try that failed.
function next({ state, next_try_at }) {
  if (state === "failed") return " and is given up";
  if (state === "running") return " and runs again";
  return next_try_at ? `, next try not before ${time(next_try_at)}` : ", next try waits for a free worker";
}

export function Receipt({ job }) {
  const { abort } = job;
  const dead = abort.finished_at !== null;
  const late = job.status !== "aborted" && job.finished_at;
  return html`
    <section class="receipt" aria-live="polite" data-done=${dead}>
      <h2>Receipt of the abort</h2>
      <ul>
        <li data-state="done"><span>Requested at ${time(abort.requested_at)}${abort.by && html` by ${abort.by}`}${abort.reason && html`: <q>${abort.reason}</q>`}</span></li>
        ${late
          ? html`<li data-state="failed">The job had ended before: ${ended(job.status)}</li>`
          : html`<li data-state=${dead ? "done" : "pending"}>${dead ? proof(abort) : "Its processes are being ended …"}</li>`}
        ${abort.on_abort && html`<li data-state=${abort.cleanup}>${undoing(abort)}</li>`}
      </ul>
      ${abort.processes !== null && !late && html`<${Figures} abort=${abort} />`}
    </section>
  `;
}

const proof = (abort) => (abort.processes ? "Every process of it is dead" : "Nothing of it was running");

const Figures = ({ abort }) => html`
  <dl class="figures">
    <div><dt>Processes ended</dt><dd>${count(abort.processes)}</dd></div>
    <div><dt>Survivors</dt><dd data-bad=${abort.survivors > 0}>${count(abort.survivors)}</dd></div>
    <div><dt>Last signal</dt><dd>${abort.signal ?? "none"}</dd></div>
    <div><dt>From request to proof</dt><dd>${abort.latency_ms === null ? "…" : duration(abort.latency_ms / 1000)}</dd></div>
  </dl>
`;

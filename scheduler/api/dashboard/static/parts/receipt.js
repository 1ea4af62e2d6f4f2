// The receipt of an abort, step by step: requested, all processes dead, cleaned up.
import { html } from "../vendor/htm-preact.js";
import { count, duration, time } from "../core/format.js";
import { ended } from "./status.js";

const CLEANUPS = {
  pending: "What the job did is being undone (on_abort) …",
  done: "What the job did is undone (on_abort)",
  failed: "Undoing what the job did failed (on_abort): the node's log says why",
};

export function Receipt({ job }) {
  const { abort } = job;
  const dead = abort.finished_at !== null;
  const late = job.status !== "aborted" && job.finished_at;
  return html`
    <section class="receipt" aria-live="polite" data-done=${dead}>
      <h2>Receipt of the abort</h2>
      <ul>
        <li data-state="done"><span>Requested at ${time(abort.requested_at)}${abort.reason && html`: <q>${abort.reason}</q>`}</span></li>
        ${late
          ? html`<li data-state="failed">The job had ended before: ${ended(job.status)}</li>`
          : html`<li data-state=${dead ? "done" : "pending"}>${dead ? proof(abort) : "Its processes are being ended …"}</li>`}
        ${abort.cleanup && html`<li data-state=${abort.cleanup}>${CLEANUPS[abort.cleanup]}</li>`}
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

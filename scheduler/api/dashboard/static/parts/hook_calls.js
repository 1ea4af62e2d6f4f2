// The calls of a job's hook, and whether they were delivered.
import { html, useEffect } from "../vendor/htm-preact.js";
import { pathOf } from "../core/api.js";
import { useData } from "../core/data.js";
import { ago } from "../core/format.js";
import { Loaded } from "./states.js";
import { isFinal } from "./status.js";

const STATUS = { due: "running", delivered: "successful", given_up: "terminated" };
const RECEIVERS_MS = 1500; // after a job's end: most receivers have answered by then, so the list is loaded again

export function HookCalls({ job, now }) {
  const calls = useData(pathOf(job.uid, job.id, "hooks"));
  useEffect(() => {
    calls.reload();
    const timer = isFinal(job) ? setTimeout(calls.reload, RECEIVERS_MS) : 0;
    return () => clearTimeout(timer);
  }, [job.status, job.attempt]);
  return html`
    <section>
      <h2>Calls of its hook</h2>
      <p class="note"><code>${job.hook}</code></p>
      <${Loaded} from=${calls} rows=${1}>
        ${(found) => (found.length ? html`<ul class="calls">${found.map((call) => line(call, now))}</ul>` : html`<p class="note">None so far.</p>`)}
      <//>
    </section>
  `;
}

const line = (call, now) => html`
  <li key=${call.id}>
    <span class="status" data-status=${STATUS[call.status]}>${call.status.replace("_", " ")}</span>
    <span>${call.event}, ${ago(call.created_at, now)}</span>
    <small>${call.tries} ${call.tries === 1 ? "try" : "tries"}${call.answer && `: ${call.answer}`}</small>
  </li>
`;

// The handlers, each with its options.
import { html } from "../vendor/htm-preact.js";
import { useData } from "../core/data.js";
import { ago, duration, moment, size } from "../core/format.js";
import { useNow } from "../core/now.js";
import { link } from "../core/route.js";
import { FormButton } from "../parts/job_form.js";
import { Loaded, NoHandlers } from "../parts/states.js";

export function Handlers() {
  const tasks = useData("/-/tasks");
  const now = useNow();
  return html`
    <h1>Handlers</h1>
    <${Loaded} from=${tasks}>
      ${(data) =>
        data.length
          ? html`<p class="note">Loaded <time datetime=${data[0].loaded_at} title=${moment(data[0].loaded_at)}>${ago(data[0].loaded_at, now)}</time>. SIGHUP to the node loads them anew.</p>
            <div class="cards">${data.map((task) => html`<${TaskCard} key=${task.name} task=${task} />`)}</div>`
          : html`<${NoHandlers} />`}
    <//>
  `;
}

function grace({ grace_s }) {
  if (grace_s === null) return "the node's";
  return grace_s ? duration(grace_s) : "none: killed at once";
}

const retries = ({ retry }) => (retry ? html`<span title=${`After: ${retry.on.join(", ")}`}>up to ${retry.max_attempts} attempts</span>` : "no");

const limits = ({ limit, throttle }) => [
  ...(limit ?? []).map((each) => `${each.jobs_max} at once by ${each.by.join(", ")}`),
  ...(throttle ? [`${throttle.jobs_max} in ${duration(throttle.per_s)} by ${throttle.by.join(", ")}`] : []),
].join("; ") || "none";

const TaskCard = ({ task }) => html`
  <article class="card">
    <h2>${task.name}</h2>
    <p>${task.doc ?? html`<span class="note">It has no docstring.</span>`}</p>
    <dl class="names">
      <div><dt>Time limit</dt><dd>${task.timeout_s === null ? "none" : duration(task.timeout_s)}</dd></div>
      <div><dt>Grace period</dt><dd>${grace(task)}</dd></div>
      <div><dt>Memory of a process</dt><dd>${task.memory_bytes === null ? "the machine's" : size(task.memory_bytes)}</dd></div>
      <div><dt>Tried again</dt><dd>${retries(task)}</dd></div>
      ${task.needs.length > 0 && html`<div><dt>Needs</dt><dd>${task.needs.join(", ")}</dd></div>`}
      <div><dt>Limits</dt><dd>${limits(task)}</dd></div>
      <div><dt>Abort undoes it</dt><dd>${task.on_abort ? "yes" : "no"}</dd></div>
    </dl>
    <footer>
      <a href=${link(["jobs"], { task: task.name })}>Its jobs</a>
      <${FormButton} class="outline" form=${{ submit: task.name }}>Submit …<//>
    </footer>
  </article>
`;

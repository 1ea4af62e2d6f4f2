// A list of jobs: a row for each; on a phone, a card.
import { html } from "../vendor/htm-preact.js";
import { ago, duration, moment, secondsBetween, shortId } from "../core/format.js";
import { go, jobLink, link } from "../core/route.js";
import { useNow } from "../core/now.js";
import { FormLink } from "./job_form.js";
import { waitsFor } from "./order.js";
import { Empty } from "./states.js";
import { Progress, Status } from "./status.js";

export function JobTable({ jobs }) {
  const now = useNow();
  return html`
    <table class="jobs">
      <thead>
        <tr><th>Job</th><th>Status</th><th>Task</th><th>User</th><th>Submitted</th><th>Took</th><th>Node</th></tr>
      </thead>
      <tbody>${jobs.map((job) => html`<${JobRow} key=${job.id} job=${job} now=${now} />`)}</tbody>
    </table>
  `;
}

export const NoJobs = () => html`
  <${Empty} title="No jobs yet"><${FormLink} form=${{ submit: "?" }}>Submit the first one<//>, from here or by <code>POST /</code><//>
`;

// The list with the progress of one event.
export const withProgress = (list, { id, progress }) => ({
  ...list,
  jobs: list.jobs.map((job) => (job.id === id && job.status === "running" ? { ...job, progress } : job)),
});

function JobRow({ job, now }) {
  const open = (event) => event.target.closest("a") || getSelection().toString() || go(jobLink(job));
  return html`
    <tr onClick=${open}>
      <td><a class="id" href=${jobLink(job)} title=${job.id}>${shortId(job.id)}</a></td>
      <td data-name="Status"><${Status} job=${job} />${job.status === "running" && html`<${Progress} progress=${job.progress} small />`}${job.waits && html` <small class="waits">waits for ${waitsFor(job, now)}</small>`}</td>
      <td data-name="Task">${job.task}</td>
      <td data-name="User"><a class="quiet" href=${link(["jobs"], { uid: job.uid })}>${job.uid}</a></td>
      <td data-name="Submitted"><time datetime=${job.created_at} title=${moment(job.created_at)}>${ago(job.created_at, now)}</time></td>
      <td data-name="Took">${took(job, now)}</td>
      <td data-name="Node">${job.node ?? "–"}</td>
    </tr>
  `;
}

function took(job, now) {
  if (!job.started_at) return "–";
  return duration(secondsBetween(job.started_at, job.finished_at ?? now));
}

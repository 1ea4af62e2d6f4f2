// The stages of a job: when each began, and how long it took.
import { html } from "../vendor/htm-preact.js";
import { duration, moment, secondsBetween, time } from "../core/format.js";
import { isFinal, undone, Word } from "./status.js";

function stages(job, now) {
  const { abort } = job;
  const found = [{ at: job.created_at, what: "Submitted", status: "queued" }];
  if (job.run_at && job.eligible_at >= job.run_at) found.push({ at: job.eligible_at, what: "Its time has come", status: "queued" });
  if (job.started_at) {
    const attempt = job.attempt > 1 ? `, attempt ${job.attempt}` : "";
    found.push({ at: job.started_at, what: `Started on ${job.node}${attempt}`, status: "running" });
  } else if (job.attempt) {
    found.push({ at: null, what: `Back in the queue after attempt ${job.attempt}`, status: "queued" });
  }
  if (abort) found.push({ at: abort.requested_at, what: "Abort requested", status: "aborted" });
  if (isFinal(job)) found.push({ at: job.finished_at, what: html`<${Word} status=${job.status} />`, status: job.status });
  else found.push({ at: new Date(now).toISOString(), what: doing(job), status: job.status, open: true });
  if (abort?.cleanup === "done") found.push({ at: null, what: undone(abort.on_abort.tries), status: "aborted" });
  return found;
}

function doing(job) {
  if (job.started_at) return "running";
  return job.waits ? "held" : "waiting";
}

export function Timeline({ job, now }) {
  const all = stages(job, now);
  return html`
    <ol class="timeline">
      ${all.map(({ at, what, status, open }, index) => {
        const before = all.slice(0, index).findLast((each) => each.at);
        return html`
          <li data-status=${status} data-open=${Boolean(open)}>
            <span class="what">${what}</span>
            ${at && !open && html`<time datetime=${at} title=${moment(at)}>${time(at)}</time>`}
            ${at && before && html`<span class="took">${open ? "for " : "after "}${duration(secondsBetween(before.at, at))}</span>`}
          </li>
        `;
      })}
    </ol>
  `;
}

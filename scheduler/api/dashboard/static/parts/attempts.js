// The last attempts of a job: where each was made, how long it took, and what became of it.
import { html } from "../vendor/htm-preact.js";
import { duration, moment, secondsBetween, time } from "../core/format.js";
import { wordFor } from "./status.js";

const WORDS = { lost: "lost with its node", drained: "stopped with its node" };
const STATUS = { lost: "terminated", drained: "aborted" };

const outcome = ({ outcome: found }) => WORDS[found] ?? (found ? wordFor(found) : "running");

const why = ({ error }) => error && `${error.type ?? error.kind}: ${error.message}`;

// Nothing for a job with one attempt: the rest of the page tells all of it.
export function Attempts({ job, now }) {
  const { attempts, waits } = job;
  if (attempts.length < 2 && waits?.for !== "retry") return null;
  return html`
    <section>
      <h2>Attempts</h2>
      <table class="attempts">
        <thead><tr><th>Attempt</th><th>Began</th><th>Took</th><th>Outcome</th></tr></thead>
        <tbody>${attempts.map((each) => row(each, now))}</tbody>
      </table>
      ${attempts[0].number > 1 && html`<p class="note">Of ${job.attempt} attempts, the last ${attempts.length}.</p>`}
    </section>
  `;
}

const row = (each, now) => html`
  <tr key=${each.number}>
    <td>${each.number}${each.node && html` <small>on ${each.node}</small>`}</td>
    <td>${each.started_at && html`<time datetime=${each.started_at} title=${moment(each.started_at)}>${time(each.started_at)}</time>`}</td>
    <td>${each.started_at && duration(secondsBetween(each.started_at, each.finished_at ?? new Date(now).toISOString()))}</td>
    <td>
      <span class="status" data-status=${STATUS[each.outcome] ?? each.outcome ?? "running"}>${outcome(each)}</span>
      ${each.error && html` <small>${why(each)}</small>`}
    </td>
  </tr>
`;

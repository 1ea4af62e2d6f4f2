// A job's status as a sign, a word and a colour; and its progress.
import { html } from "../vendor/htm-preact.js";
import { count } from "../core/format.js";

const SIGNS = { queued: "○", running: "◔", successful: "✓", terminated: "✕", aborted: "■" };
export const STATUSES = Object.keys(SIGNS);
export const isFinal = (job) => job.status !== "queued" && job.status !== "running";
// Whether the job can still change: it has not ended, or its clean-up has not.
export const isMoving = (job) => !isFinal(job) || job.abort?.cleanup === "pending";

const AT_TRY = { 2: "the second try", 3: "the third try", 4: "the fourth try", 5: "the fifth try" };

// That what an aborted job did is undone, and at which try if not at the first.
export const undone = (tries) => (tries > 1 ? `undone at ${AT_TRY[tries] ?? `try ${tries}`}` : "undone");

// The word for people: of the API's, "terminated" does not say that the job failed.
export const wordFor = (status) => (status === "terminated" ? "failed" : status);

// The end of a sentence about a job that has ended.
export const ended = (status) => (status === "terminated" ? "it failed (terminated)" : `it is ${status}`);

// The word, and beside it the API's where that is another one.
export const Word = ({ status }) => html`${wordFor(status)}${wordFor(status) !== status && html` <small>${status}</small>`}`;

export function Status({ job }) {
  const aborting = !isFinal(job) && job.abort;
  return html`<span class="status" data-status=${job.status}><i aria-hidden="true">${SIGNS[job.status]}</i>${aborting ? "aborting" : html`<${Word} status=${job.status} />`}</span>`;
}

// A job's progress; without a bar once it has ended.
export function Progress({ progress, small, ended }) {
  if (!progress) return null;
  const { done, total, message } = progress;
  const share = total ? Math.min(100, Math.floor((100 * done) / total)) : null;
  return html`
    <div class="progress" data-small=${Boolean(small)}>
      ${ended
        ? html`<span class="of">Last progress</span>`
        : html`<progress value=${total ? done : null} max=${total || 1} aria-label="Progress"></progress>`}
      <span class="figure">${share === null ? count(done) : `${share} %`}</span>
      ${!small && html`<span class="of">${count(done)}${total ? ` of ${count(total)}` : ""}</span>`}
      ${!small && message && html`<span class="message">${String(message)}</span>`}
    </div>
  `;
}

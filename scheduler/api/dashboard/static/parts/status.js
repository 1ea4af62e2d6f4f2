// A job's status as a word, a sign and a colour; and its progress.
import { html } from "../vendor/htm-preact.js";
import { count } from "../core/format.js";

const SIGNS = { queued: "○", running: "◔", successful: "✓", terminated: "✕", aborted: "■" };
export const STATUSES = Object.keys(SIGNS);
export const isFinal = (job) => job.status !== "queued" && job.status !== "running";
// Whether the job can still change: it has not ended, or its clean-up has not.
export const isMoving = (job) => !isFinal(job) || job.abort?.cleanup === "pending";

export function Status({ job }) {
  const word = !isFinal(job) && job.abort ? "aborting" : job.status;
  return html`<span class="status" data-status=${job.status}><i aria-hidden="true">${SIGNS[job.status]}</i>${word}</span>`;
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

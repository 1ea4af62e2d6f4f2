// A job's status, told by word, sign and colour; and how far it is.
import { html } from "../vendor/htm-preact.js";
import { count } from "../core/format.js";

const SIGNS = { queued: "○", running: "◔", successful: "✓", terminated: "✕", aborted: "■" };
export const STATUSES = Object.keys(SIGNS);
export const isFinal = (job) => job.status !== "queued" && job.status !== "running";
// Still to come: an end, or what `on_abort` undoes.
export const isMoving = (job) => !isFinal(job) || job.abort?.cleanup === "pending";

export function Status({ job }) {
  const word = !isFinal(job) && job.abort ? "aborting" : job.status;
  return html`<span class="status" data-status=${job.status}><i aria-hidden="true">${SIGNS[job.status]}</i>${word}</span>`;
}

// How far a job is; how far it came, without a bar, once it has ended.
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

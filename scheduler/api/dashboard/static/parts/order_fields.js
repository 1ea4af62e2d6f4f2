// The fields of a form that say when, in which order and how often a job runs.
import { html, useState } from "../vendor/htm-preact.js";
import { minute } from "../core/format.js";

export const ORDER_LABELS = { run_at: "Not before", priority: "Head start", start_within_s: "Begin within", max_attempts: "Attempts at most" };

// What a request has of the fields of a form. Of a re-run, one that is empty replaces what the job had.
export function orderOf({ run_at: at, priority, start_within_s: within, max_attempts: attempts }, again) {
  const order = {
    priority: priority ? Number(priority) : 0,
    start_within_s: within ? Number(within) : null,
    max_attempts: attempts ? Number(attempts) : null,
  };
  const wanted = again ? order : Object.fromEntries(Object.entries(order).filter(([, value]) => value));
  return { ...wanted, ...(at && { run_at: new Date(at).toISOString() }) };
}

// `like`: the job that is run again, if any; its time is past.
export function OrderFields({ like = {} }) {
  const [open, setOpen] = useState(false);
  const shown = { onInvalid: () => setOpen(true) }; // else nobody would see which field is meant
  return html`
    <details open=${open} onToggle=${(event) => setOpen(event.target.open)}>
      <summary>When and how often</summary>
      <div class="pair">
        <${NotBefore} />
        <label>${ORDER_LABELS.priority} <small>(seconds)</small><input name="priority" type="number" min="-86400" max="86400" step="1" placeholder="0" defaultValue=${like.priority || ""} ...${shown} /></label>
      </div>
      <div class="pair">
        <label>${ORDER_LABELS.start_within_s} <small>(seconds)</small><input name="start_within_s" type="number" min="0.001" step="any" placeholder="any time" defaultValue=${like.start_within_s ?? ""} ...${shown} /></label>
        <label>${ORDER_LABELS.max_attempts}<input name="max_attempts" type="number" min="1" max="1000" step="1" placeholder="as its handler says" defaultValue=${like.max_attempts ?? ""} ...${shown} /></label>
      </div>
    </details>
  `;
}

export const NotBefore = ({ at }) => html`
  <label>${ORDER_LABELS.run_at}<input name="run_at" type="datetime-local" defaultValue=${at ? minute(at) : ""} /></label>
`;

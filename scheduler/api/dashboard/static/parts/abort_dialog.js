// Asks for the reason and the grace period, and aborts the job.
import { html, useState } from "../vendor/htm-preact.js";
import { useAlive } from "../core/alive.js";
import { ask } from "../core/api.js";
import { Dialog } from "./dialog.js";
import { Failed } from "./states.js";
import { ended, isFinal } from "./status.js";

function consequence(job) {
  if (isFinal(job)) return `It has ended meanwhile: ${ended(job.status)}.`;
  if (job.status === "queued") return "It has not begun, and never will.";
  return "All its processes are ended, however they detached themselves.";
}

export function AbortDialog({ job, onAborted, onClose }) {
  const [problem, setProblem] = useState(null);
  const [busy, setBusy] = useState(false);
  const alive = useAlive();

  async function abort(event) {
    event.preventDefault();
    const { reason, grace, children } = Object.fromEntries(new FormData(event.target));
    const order = {
      uid: job.uid,
      id: job.id,
      ...(reason && { reason }),
      ...(grace && { grace_s: Number(grace) }),
      ...(children && { children: true }),
    };
    setBusy(true);
    try {
      onAborted(await ask("DELETE", "/", JSON.stringify(order)));
      if (alive.current) onClose(); // else it would close the next dialog
    } catch (failed) {
      setProblem(failed);
      setBusy(false);
    }
  }

  return html`
    <${Dialog} title="Abort this job?" onClose=${onClose}>
      <form onSubmit=${abort}>
        <p>${consequence(job)}</p>
        <label>Reason <small>(optional)</small><input name="reason" maxlength="500" autocomplete="off" autofocus /></label>
        <label>
          Grace period in seconds <small>(optional)</small>
          <input name="grace" type="number" min="0" max="3600" step="any" placeholder="the handler's own" />
          <small>How long it may tidy up before it is killed. 0 kills at once.</small>
        </label>
        <label><input name="children" type="checkbox" /> Abort the jobs that it submitted, too, and so on down</label>
        ${problem && html`<${Failed} problem=${problem} />`}
        <footer>
          <button type="button" class="secondary" onClick=${onClose}>Keep it</button>
          <button class="danger" aria-busy=${busy} disabled=${busy || isFinal(job)}>Abort</button>
        </footer>
      </form>
    <//>
  `;
}

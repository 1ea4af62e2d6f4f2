// Pauses: the form, the button that resumes, and the notice that nodes are paused.
import { html, useState } from "../vendor/htm-preact.js";
import { useAlive } from "../core/alive.js";
import { ask, pageOf, pathOf, queryOf } from "../core/api.js";
import { useData } from "../core/data.js";
import { moment } from "../core/format.js";
import { link } from "../core/route.js";
import { Dialog } from "./dialog.js";
import { Failed } from "./states.js";

const LOOK_MS = 5000;
const SHOWN_MAX = 5;

export const KINDS = { task: "handler", uid: "user", node: "node" };
export const readPauses = pageOf("pauses");

const pathTo = ({ kind, name }) => pathOf("-", "pauses", kind, name);

// "of the handler report by ops until 2026-11-24 07:00:00: repair"
export function aboutPause({ kind, name, by, reason }, until) {
  const end = until ? ` until ${moment(until)}` : "";
  return `of the ${KINDS[kind]} ${name}${by ? ` by ${by}` : ""}${end}${reason ? `: ${reason}` : ""}`;
}

export function Resume({ pause, onChanged }) {
  const [state, setState] = useState({ problem: null, busy: false });
  const alive = useAlive();

  async function resume() {
    setState({ problem: null, busy: true });
    try {
      await ask("DELETE", pathTo(pause));
    } catch (problem) {
      if (problem.status !== 404 && alive.current) return setState({ problem, busy: false });
    }
    if (alive.current) setState({ problem: null, busy: false });
    onChanged();
  }

  return html`
    <button class="outline" aria-label=${`Resume the ${KINDS[pause.kind]} ${pause.name}`} aria-busy=${state.busy} disabled=${state.busy} onClick=${resume}>Resume</button>
    ${state.problem && html`<${Failed} problem=${state.problem} />`}
  `;
}

export function PauseDialog({ onChanged, onClose }) {
  const [state, setState] = useState({ problem: null, busy: false });
  const alive = useAlive();

  async function pause(event) {
    event.preventDefault();
    const { kind, name, reason, until } = Object.fromEntries(new FormData(event.target));
    const order = { reason: reason || null, until: until ? new Date(until).toISOString() : null };
    setState({ problem: null, busy: true });
    try {
      await ask("PUT", pathTo({ kind, name }), JSON.stringify(order));
      onChanged();
      if (alive.current) onClose(); // else it would close the next dialog
    } catch (problem) {
      if (alive.current) setState({ problem, busy: false });
    }
  }

  return html`
    <${Dialog} title="Pause" onClose=${onClose}>
      <form onSubmit=${pause}>
        <label>
          What
          <select name="kind" autofocus>${Object.entries(KINDS).map(([kind, word]) => html`<option value=${kind}>${word}</option>`)}</select>
        </label>
        <label>
          Name
          <input name="name" required maxlength="200" autocomplete="off" />
          <small>It need not be there yet.</small>
        </label>
        <label>
          Reason
          <input name="reason" maxlength="500" autocomplete="off" />
          <small>Users of paused jobs are shown it.</small>
        </label>
        <label>
          Until
          <input name="until" type="datetime-local" />
          <small>Left empty, the pause lasts until somebody resumes it.</small>
        </label>
        ${state.problem && html`<${Failed} problem=${state.problem} />`}
        <footer>
          <button type="button" class="secondary" onClick=${onClose}>Cancel</button>
          <button aria-busy=${state.busy} disabled=${state.busy}>Pause</button>
        </footer>
      </form>
    <//>
  `;
}

// For operators, above every page: a node that is paused looks like one that idles.
export function PausedNodes() {
  const { data } = useData("/-/pauses" + queryOf({ kind: "node", limit: SHOWN_MAX }), { read: readPauses, everyMs: LOOK_MS });
  if (!data?.pauses.length) return null;
  const names = data.pauses.map(({ name }) => name).join(", ");
  const one = data.pauses.length === 1 && !data.next;
  return html`
    <div class="lost paused" role="status">
      <strong>${one ? "A node is paused" : "Nodes are paused"}</strong> and ${one ? "takes" : "take"} no new jobs: ${names}${data.next && " and more"}.${" "}
      <a href=${link(["pauses"])}>To the pauses</a>
    </div>
  `;
}

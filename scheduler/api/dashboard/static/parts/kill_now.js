// Ends the grace period of an abort that waits for the handler.
import { html, useState } from "../vendor/htm-preact.js";
import { ask } from "../core/api.js";
import { Failed } from "./states.js";

export function KillNow({ job, onAborted }) {
  const [state, setState] = useState({ problem: null, busy: false });

  async function kill() {
    setState({ problem: null, busy: true });
    try {
      onAborted(await ask("DELETE", "/", JSON.stringify({ uid: job.uid, id: job.id, grace_s: 0 })));
    } catch (problem) {
      setState({ problem, busy: false });
    }
  }

  return html`
    <button class="danger" title="Do not wait for the grace period" aria-busy=${state.busy} disabled=${state.busy} onClick=${kill}>Kill now</button>
    ${state.problem && html`<${Failed} problem=${state.problem} />`}
  `;
}

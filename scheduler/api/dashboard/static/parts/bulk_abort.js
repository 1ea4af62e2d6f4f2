// Aborts all jobs that match the filter and have not ended; first says how many there are, and whose.
import { html, useEffect, useState } from "../vendor/htm-preact.js";
import { ask, pathOf, queryOf } from "../core/api.js";
import { count, jobs } from "../core/format.js";
import { Dialog } from "./dialog.js";
import { Failed, Loading } from "./states.js";
import { Users } from "./users.js";

export function BulkAbort({ filter, onDone, onClose }) {
  const [state, setState] = useState({ met: null, problem: null, done: null, busy: false });
  const change = (changed) => setState((old) => ({ ...old, ...changed }));
  const users = state.met?.users ?? {};
  const total = Object.values(users).reduce((sum, each) => sum + each, 0);

  useEffect(() => {
    ask("GET", "/-/ui/data/unfinished" + queryOf(filter)).then(
      (met) => change({ met }),
      (problem) => change({ problem }),
    );
  }, []);

  async function abort() {
    change({ busy: true, problem: null });
    const done = { aborted: 0, aborting: 0 };
    const { status, task, group } = filter;
    try {
      for (const uid of Object.keys(users)) {
        const each = await ask("DELETE", pathOf(uid) + queryOf({ status, task, group }));
        done.aborted += each.aborted;
        done.aborting += each.aborting;
      }
      change({ done, busy: false });
    } catch (problem) {
      change({ problem, busy: false });
    }
    onDone();
  }

  return html`
    <${Dialog} title=${state.done ? "Abort of all that matched" : "Abort all that match?"} onClose=${onClose}>
      ${state.problem && html`<${Failed} problem=${state.problem} />`}
      ${state.done
        ? html`<p role="status">Aborted at once: ${count(state.done.aborted)}. Told to stop: ${count(state.done.aborting)}; the list shows their end.</p>`
        : state.met
          ? html`<${Question} users=${users} total=${total} exact=${state.met.exact} />`
          : !state.problem && html`<${Loading} rows=${1} />`}
      <footer>
        <button class="secondary" onClick=${onClose}>${state.done ? "Close" : "Keep them"}</button>
        ${!state.done && total > 0 && html`<button class="danger" onClick=${abort} aria-busy=${state.busy} disabled=${state.busy}>Abort ${jobs(total)}</button>`}
      </footer>
    <//>
  `;
}

function Question({ users, total, exact }) {
  if (!total) return html`<p>Nothing that matches is queued or running.</p>`;
  return html`
    <p>This ends <strong>${exact ? "" : "at least "}${jobs(total)}</strong> that ${total === 1 ? "is" : "are"} queued or running:</p>
    <${Users} users=${users} />
  `;
}

// What is done with a schedule: run it now, pause and resume, backfill, delete.
import { html, useState } from "../vendor/htm-preact.js";
import { useAlive } from "../core/alive.js";
import { ask, pathOf, queryOf } from "../core/api.js";
import { jobs } from "../core/format.js";
import { go, jobLink, link } from "../core/route.js";
import { Dialog } from "./dialog.js";
import { orderOf, put } from "./schedule_form.js";
import { Failed } from "./states.js";

export const pathTo = ({ uid, name }, ...more) => pathOf("-", "schedules", uid, name, ...more);

// A button that asks the node for something, and shows why it was refused.
function Asking({ children, does, ...rest }) {
  const [state, setState] = useState({ problem: null, busy: false });
  const alive = useAlive();

  async function click() {
    setState({ problem: null, busy: true });
    const problem = await does().then(
      () => null,
      (failure) => failure,
    );
    if (alive.current) setState({ problem, busy: false });
  }

  return html`
    <button class="outline" ...${rest} aria-busy=${state.busy} disabled=${state.busy} onClick=${click}>${children}</button>
    ${state.problem && html`<${Failed} problem=${state.problem} />`}
  `;
}

export const RunNow = ({ schedule }) => html`
  <${Asking} title="Make a job now" does=${async () => go(jobLink(await ask("POST", pathTo(schedule, "run"))))}>Run now<//>
`;

export const PauseSchedule = ({ schedule, onChanged }) => html`
  <${Asking} does=${async () => onChanged(await put(schedule.uid, schedule.name, { ...orderOf(schedule), paused: !schedule.paused }))}>${schedule.paused ? "Resume" : "Pause"}<//>
`;

export function DeleteSchedule({ schedule, onClose }) {
  const [state, setState] = useState({ problem: null, busy: false });
  const [abort, setAbort] = useState(false);

  async function remove() {
    setState({ problem: null, busy: true });
    try {
      await ask("DELETE", pathTo(schedule) + queryOf({ abort }));
      onClose();
      go(link(["schedules"]));
    } catch (problem) {
      setState({ problem, busy: false });
    }
  }

  return html`
    <${Dialog} title="Delete the schedule?" onClose=${onClose}>
      <p><strong>${schedule.name}</strong> of ${schedule.uid} makes no further jobs.</p>
      <label>
        <input type="checkbox" checked=${abort} onChange=${(event) => setAbort(event.target.checked)} />
        Abort its jobs that have not ended, too
      </label>
      <p class="note">${abort ? "Those that run are told to stop." : "Without this, they go on."}</p>
      ${state.problem && html`<${Failed} problem=${state.problem} />`}
      <footer>
        <button class="secondary" onClick=${onClose}>Cancel</button>
        <button class="danger" aria-busy=${state.busy} disabled=${state.busy} onClick=${remove}>${abort ? "Delete and abort" : "Delete"}</button>
      </footer>
    <//>
  `;
}

export function BackfillDialog({ schedule, onChanged, onClose }) {
  const [state, setState] = useState({ problem: null, busy: false, made: null });
  const alive = useAlive();

  async function fill(event) {
    event.preventDefault();
    const { from, to } = Object.fromEntries(new FormData(event.target));
    const order = { from: new Date(from).toISOString(), to: new Date(to).toISOString() };
    setState({ problem: null, busy: true, made: null });
    try {
      const made = await ask("POST", pathTo(schedule, "backfill"), JSON.stringify(order));
      onChanged();
      if (alive.current) setState({ problem: null, busy: false, made: made.length });
    } catch (problem) {
      if (alive.current) setState({ problem, busy: false, made: null });
    }
  }

  return html`
    <${Dialog} title="Make up for past times" onClose=${onClose}>
      <form onSubmit=${fill}>
        <p>Times that have no job get one, at most 100${schedule.overlap === "allow" ? "" : ", one after the other"}.</p>
        <label>From<input name="from" type="datetime-local" required autofocus /></label>
        <label>To<input name="to" type="datetime-local" required /></label>
        ${state.problem && html`<${Failed} problem=${state.problem} />`}
        ${state.made !== null && html`<p role="status">${state.made ? `${jobs(state.made)} made.` : "Each of these times has a job, or there are none."}</p>`}
        <footer>
          <button type="button" class="secondary" onClick=${onClose}>Close</button>
          <button aria-busy=${state.busy} disabled=${state.busy}>Backfill</button>
        </footer>
      </form>
    <//>
  `;
}

// Runs jobs again that are over: one as it was, or all that match a filter.
import { html, useEffect, useState } from "../vendor/htm-preact.js";
import { useAlive } from "../core/alive.js";
import { ask, pathOf } from "../core/api.js";
import { count, jobs } from "../core/format.js";
import { go, jobLink } from "../core/route.js";
import { Dialog } from "./dialog.js";
import { Failed, Loading } from "./states.js";
import { isFinal, STATUSES, wordFor } from "./status.js";
import { Users } from "./users.js";

const AT_ONCE_MAX = 1000; // as many as one request runs again
const COUNTED_MAX = 10_000; // and as many as a dry run counts

// Runs a job again as it was, and leads to the new one.
export function RunAgain({ job }) {
  const [state, setState] = useState({ problem: null, busy: false });
  const alive = useAlive();

  async function run() {
    setState({ problem: null, busy: true });
    try {
      const again = await ask("POST", pathOf(job.uid, job.id, "rerun"));
      if (alive.current) go(jobLink(again)); // not if the user has left the page
    } catch (problem) {
      setState({ problem, busy: false });
    }
  }

  return html`
    <button title="Submit a new job like this one" aria-busy=${state.busy} disabled=${state.busy} onClick=${run}>Run again</button>
    ${state.problem && html`<${Failed} problem=${state.problem} />`}
  `;
}

const PERIODS = { "": "any time", 3600: "the last hour", 86400: "the last day", 604800: "the last week" };

// The statuses of the filter that a job may be over with; without any, those that failed.
const statusesOf = ({ status }) => {
  const chosen = (status ?? "").split(",").filter((each) => STATUSES.includes(each) && isFinal({ status: each }));
  return chosen.length ? chosen : ["terminated"];
};

function orderOf({ uid, task, ...filter }, period) {
  const since = period && new Date(Date.now() - 1000 * period).toISOString();
  return { ...(uid && { uid }), ...(task && { task }), status: statusesOf(filter), ...(since && { since }) };
}

// Runs all jobs again that match the filter and are over; first says how many there are, and whose.
export function BulkRerun({ filter, onDone, onClose }) {
  const [period, setPeriod] = useState("");
  const [state, setState] = useState({ met: null, problem: null, done: null, busy: false });
  const change = (changed) => setState((old) => ({ ...old, ...changed }));
  const send = (order) => ask("POST", "/-/reruns", JSON.stringify(order));
  const total = Math.min(state.met?.order ? state.met.count : 0, AT_ONCE_MAX);

  useEffect(() => {
    let left = false;
    const order = orderOf(filter, period);
    change({ met: null, problem: null });
    send({ ...order, dry_run: true, limit: COUNTED_MAX }).then(
      (met) => left || change({ met: { ...met, order } }),
      (problem) => left || change({ problem }),
    );
    return () => (left = true);
  }, [period]);

  async function run() {
    change({ busy: true, problem: null });
    try {
      const done = await send({ ...state.met.order, limit: total });
      change({ done, busy: false });
    } catch (problem) {
      change({ problem, busy: false });
    }
    onDone();
  }

  return html`
    <${Dialog} title=${state.done ? "Re-run of all that matched" : "Run all again that match?"} onClose=${onClose}>
      ${!state.done && html`<label>Ended within<select name="period" autofocus disabled=${state.busy} value=${period} onInput=${(event) => setPeriod(event.target.value)}>${Object.entries(PERIODS).map(([seconds, name]) => html`<option value=${seconds}>${name}</option>`)}</select></label>`}
      ${state.problem && html`<${Failed} problem=${state.problem} />`}
      ${state.done
        ? html`<p role="status">Run again: ${jobs(state.done.count)}, as new ones.${state.done.more ? " More match: do the same again for those." : ""}</p>`
        : state.met
          ? html`<${Question} met=${state.met} />`
          : !state.problem && html`<${Loading} rows=${1} />`}
      <footer>
        <button class="secondary" onClick=${onClose}>${state.done ? "Close" : "Leave them"}</button>
        ${!state.done && total > 0 && html`<button onClick=${run} aria-busy=${state.busy} disabled=${state.busy}>Run ${jobs(total)} again</button>`}
      </footer>
    <//>
  `;
}

function Question({ met }) {
  const ended = met.order.status.map(wordFor).join(" or ");
  if (!met.count) return html`<p>No ${ended} job that matches is without a re-run.</p>`;
  const users = {};
  for (const { uid } of met.jobs) users[uid] = (users[uid] ?? 0) + 1;
  const number = `${met.more ? "At least " : ""}${count(met.count)} ${ended} ${met.count === 1 ? "job" : "jobs"}`;
  return html`
    <p><strong>${number}</strong> ${met.count === 1 ? "has" : "have"} no re-run yet${met.count > AT_ONCE_MAX ? `; the oldest ${count(AT_ONCE_MAX)} come first` : ""}:</p>
    <${Users} users=${users} />
  `;
}

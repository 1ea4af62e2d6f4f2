// One job, live from its submission to its end.
import { html, useEffect, useState } from "../vendor/htm-preact.js";
import { exact, pathOf, queryOf } from "../core/api.js";
import { useData } from "../core/data.js";
import { useEvents } from "../core/events.js";
import { jobs, json, moment } from "../core/format.js";
import { useKeys } from "../core/keys.js";
import { useNow } from "../core/now.js";
import { jobLink, link } from "../core/route.js";
import { useMay } from "../core/who.js";
import { AbortDialog } from "../parts/abort_dialog.js";
import { Attempts } from "../parts/attempts.js";
import { HookCalls } from "../parts/hook_calls.js";
import { FormButton } from "../parts/job_form.js";
import { KillNow } from "../parts/kill_now.js";
import { Log } from "../parts/log.js";
import { Neighbours } from "../parts/neighbours.js";
import { ends, headStart, PriorityDialog, RunNow, waitsFor } from "../parts/order.js";
import { Receipt } from "../parts/receipt.js";
import { RunAgain } from "../parts/rerun.js";
import { Empty, Loaded } from "../parts/states.js";
import { isFinal, isMoving, Progress, Status } from "../parts/status.js";
import { Timeline } from "../parts/timeline.js";

const CLEANING_MS = 1000; // no event says that a clean-up begins, or that it waits for a worker

const NEIGHBOURS_MS = 2000; // nor does one come of jobs before and behind it

export function JobPage({ uid, id }) {
  const loaded = useData(pathOf(uid, id), { read });
  const job = loaded.data;
  const merge = (update) => loaded.change((old) => merged(old, update));
  useEvents(job && isMoving(job) ? pathOf(uid, id) + "/events" : null, {
    missed: loaded.reload,
    progress: (event) => merge({ progress: JSON.parse(event).progress }),
    status: (event) => {
      const update = JSON.parse(event);
      loaded.change((old) => merged(old, withReason(old, update)));
      if (isFinal(update) || isQueued(update)) loaded.reload(); // for what no event carries: the result, and some reasons to wait
    },
  });
  const cleaning = job?.abort?.cleanup === "pending";
  useEffect(() => {
    const timer = cleaning && setInterval(loaded.reload, CLEANING_MS);
    return () => clearInterval(timer);
  }, [cleaning]);
  if (loaded.problem?.status === 404) {
    return html`<${Empty} heading="h1" title="There is no such job">It may have been deleted: finished jobs are kept for a time only. <a href="#/jobs">To the jobs</a><//>`;
  }
  return html`<${Loaded} from=${loaded} rows=${6}>${(shown) => html`<${JobDetails} job=${shown} merge=${merge} />`}<//>`;
}

// Numbers in `data` and `result` are shown exactly as written; all others are parsed.
function read(text) {
  const { data, result } = exact(text);
  return { ...JSON.parse(text), data, result };
}

// A final job stays final, even if an older event arrives later: only its clean-up may still change.
function merged(old, update) {
  return isFinal(old) && !(update.status && isFinal(update)) ? old : { ...old, ...update };
}

const isQueued = (job) => job.status === "queued";

// No event says that a job waits for its user's quota, or for a node: what was known stays until it is loaded again.
function withReason(old, update) {
  return isQueued(old) && isQueued(update) && !update.waits ? { ...update, waits: old.waits } : update;
}

function JobDetails({ job, merge }) {
  const [aborts, setAborts] = useState(false);
  const [orders, setOrders] = useState(false);
  const now = useNow(isFinal(job) ? 60_000 : 500);
  const mayChange = useMay("change");
  const open = mayChange && !isFinal(job) && !job.abort;
  const queued = isQueued(job);
  const over = !isMoving(job);
  const around = useAround(job);
  const update = ({ data, result, ...rest }) => merge(rest);
  useKeys(open ? { a: () => setAborts(true) } : {});
  return html`
    <div class="head">
      <h1>${job.task} <${Status} job=${job} /></h1>
      ${open && queued && ends(job.waits) && html`<${RunNow} job=${job} onChanged=${update} />`}
      ${open && queued && html`<button class="outline" onClick=${() => setOrders(true)}>Priority and time …</button>`}
      ${open && html`<button class="danger" onClick=${() => setAborts(true)}>Abort …</button>`}
      ${over && html`<${FormButton} class="outline" form=${{ submit: job.task, again: "yes" }}>Edit and run again …<//>`}
      ${over && mayChange && html`<${RunAgain} job=${job} />`}
      ${!isFinal(job) && mayChange && job.abort && html`<${KillNow} job=${job} onAborted=${update} />`}
    </div>
    <${Names} job=${job} now=${now} around=${around} />
    ${job.progress && html`<${Progress} progress=${job.progress} ended=${isFinal(job)} />`}
    <div class="sheet">
      <div>
        ${job.error && html`<${Failure} error=${job.error} />`}
        ${job.abort && html`<${Receipt} job=${job} />`}
        <${Neighbours} job=${job} around=${around} />
        <section><h2>Timeline</h2><${Timeline} job=${job} now=${now} /></section>
        <${Attempts} job=${job} now=${now} />
        ${job.result !== null && html`<${Text} title="Result" value=${job.result} />`}
        <${Text} title="Data" value=${job.data} />
        ${job.hook && html`<${HookCalls} job=${job} now=${now} />`}
      </div>
      <${Log} job=${job} />
    </div>
    ${orders && html`<${PriorityDialog} job=${job} onChanged=${update} onClose=${() => setOrders(false)} />`}
    ${aborts && html`<${AbortDialog} job=${job} onAborted=${update} onClose=${() => setAborts(false)} />`}
  `;
}

// Its place in line, its re-runs and its neighbours, which are asked for only here.
function useAround(job) {
  const around = useData("/-/ui/data/job" + queryOf({ id: job.id, uid: job.uid }));
  useEffect(() => around.reload(), [job.status, job.priority, job.eligible_at]);
  const moves = [...(around.data?.before ?? []), ...(around.data?.behind ?? [])].some((each) => !isFinal(each));
  useEffect(() => {
    const timer = moves && setInterval(around.reload, NEIGHBOURS_MS);
    return () => clearInterval(timer);
  }, [moves]);
  return around.data ?? { ahead: null, reruns: [], before: [], behind: [] };
}

const JobId = ({ uid, id }) => html`<a href=${jobLink({ uid, id })}><code>${id}</code></a> `;

const Names = ({ job, now, around }) => html`
  <dl class="names">
    <div><dt>Job</dt><dd><code>${job.id}</code></dd></div>
    <div><dt>User</dt><dd><a href=${"#/jobs" + queryOf({ uid: job.uid })}>${job.uid}</a></dd></div>
    ${job.parent && html`<div><dt>Parent</dt><dd><${JobId} uid=${job.uid} id=${job.parent} /></dd></div>`}
    ${job.rerun_of && html`<div><dt>Runs again</dt><dd><${JobId} uid=${job.uid} id=${job.rerun_of} /></dd></div>`}
    ${around.reruns.length > 0 && html`<div><dt>Run again as</dt><dd>${around.reruns.map((id) => html`<${JobId} uid=${job.uid} id=${id} />`)}</dd></div>`}
    ${job.group && html`<div><dt>Group</dt><dd><a href=${"#/jobs" + queryOf({ group: job.group, uid: job.uid })}>${job.group}</a></dd></div>`}
    ${job.schedule && html`<div><dt>Schedule</dt><dd><a href=${link(["schedules", job.uid, job.schedule])}>${job.schedule}</a>, for ${moment(job.scheduled_for)}</dd></div>`}
    ${job.submitted_by && html`<div><dt>Submitted by</dt><dd>${job.submitted_by}</dd></div>`}
    ${isQueued(job) && html`<div><dt>Waits for</dt><dd>${waitsFor(job, now)}</dd></div>`}
    ${isQueued(job) && around.ahead !== null && html`<div><dt>Before it</dt><dd>${before(around)}</dd></div>`}
    ${job.priority ? html`<div><dt>Head start</dt><dd>${headStart(job.priority)}</dd></div>` : null}
    ${job.unique && html`<div><dt>Unique key</dt><dd>${job.unique.key}</dd></div>`}
    ${job.replaces && html`<div><dt>Replaces</dt><dd><${JobId} uid=${job.uid} id=${job.replaces} /></dd></div>`}
    ${job.replaced_by && html`<div><dt>Replaced by</dt><dd><${JobId} uid=${job.uid} id=${job.replaced_by} /></dd></div>`}
    ${job.needs.length > 0 && html`<div><dt>Needs</dt><dd>${job.needs.join(", ")}</dd></div>`}
    <div><dt>Attempt</dt><dd>${job.attempt || "none yet"}${job.max_attempts && ` (${job.max_attempts} may be used up)`}</dd></div>
    <div><dt>Node</dt><dd>${job.node ?? "none yet"}</dd></div>
  </dl>
`;

// How many of the user's own jobs are to begin first: whose turn it is among users, nobody can say.
function before({ ahead, ahead_max }) {
  if (!ahead) return "none of the user's jobs";
  return `${ahead > ahead_max ? `more than ${jobs(ahead_max)}` : jobs(ahead)} of the user`;
}

const Failure = ({ error }) => html`
  <section class="failure">
    <h2>${error.type ?? error.kind}</h2>
    <p>${error.message}</p>
    <p class="note">Kind: ${error.kind}</p>
    ${error.traceback && html`<details open><summary>Traceback</summary><pre tabindex="0">${error.traceback}</pre></details>`}
  </section>
`;

const Text = ({ title, value }) => html`
  <section><h2>${title}</h2><pre class="json" tabindex="0">${json(value)}</pre></section>
`;

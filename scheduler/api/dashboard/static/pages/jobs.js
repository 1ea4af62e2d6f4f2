// The jobs of one user or of all, newest first.
import { html, useEffect, useState } from "../vendor/htm-preact.js";
import { jobPage, queryOf } from "../core/api.js";
import { useData } from "../core/data.js";
import { useEvents } from "../core/events.js";
import { useKeys } from "../core/keys.js";
import { useMay, useWho } from "../core/who.js";
import { BulkAbort } from "../parts/bulk_abort.js";
import { Filters } from "../parts/filters.js";
import { Group } from "../parts/group.js";
import { FormButton } from "../parts/job_form.js";
import { JobTable, NoJobs, withProgress } from "../parts/job_table.js";
import { Pager } from "../parts/pager.js";
import { BulkRerun } from "../parts/rerun.js";
import { Empty, Loaded } from "../parts/states.js";
import { Usage } from "../parts/usage.js";

const PAGE = 50;

export function Jobs({ query }) {
  const who = useWho();
  const someone = query.uid || who.uid || who.all;
  return someone
    ? html`<${List} query=${query} />`
    : html`
        <div class="head"><h1>Jobs</h1></div>
        <${Filters} query=${query} />
        <${Empty} title="Whose jobs?">You act for ${who.uids.join(", ")}: enter one of these users.<//>
      `;
}

function List({ query }) {
  const mayChange = useMay("change");
  const who = useWho();
  const { uid, task, status, after } = query;
  const group = (uid || who.uid) && query.group; // a group is one user's
  const filter = { uid, task, status, group };
  const tasks = useData("/-/tasks");
  const list = useData("/-/jobs" + queryOf({ ...filter, uid: uid || (group && who.uid), after, limit: PAGE, data: "false" }), { read: jobPage });
  const [asked, setAsked] = useState(null); // the filter at the moment when the user chose to abort
  const [again, setAgain] = useState(null); // and when the user chose to run all again
  const begin = () => setAsked(filter);
  useEffect(() => {
    setAsked(null);
    setAgain(null);
  }, [uid, task, status, group]);
  useEvents("/-/events" + queryOf({ uid }), {
    status: list.reload,
    missed: list.reload,
    progress: (event) => list.change((data) => withProgress(data, JSON.parse(event))),
  });
  useKeys({ ...(mayChange && { a: begin }), j: () => step(1), k: () => step(-1) });
  return html`
    <div class="head">
      <h1>Jobs</h1>
      ${mayChange && html`<button class="danger outline" title="Abort all that match (a)" onClick=${begin}>Abort all …</button>`}
      ${mayChange && !group && html`<button class="outline" title="Run all again that match and are over" onClick=${() => setAgain(filter)}>Run all again …</button>`}
      <${FormButton} form=${{ submit: task || "?" }}>Submit a job<//>
    </div>
    <${Filters} query=${query} tasks=${tasks.data} />
    ${(uid || who.uid) && html`<${Usage} uid=${uid || who.uid} at=${list.at} />`}
    ${group && html`<${Group} uid=${uid || who.uid} group=${group} at=${list.at} />`}
    <${Loaded} from=${list} rows=${8}>
      ${(data) => (data.jobs.length ? html`<${JobTable} jobs=${data.jobs} /><${Pager} page="jobs" query=${query} next=${data.next} of="jobs" />` : html`<${Nothing} filter=${filter} />`)}
    <//>
    ${again && html`<${BulkRerun} filter=${again} onDone=${list.reload} onClose=${() => setAgain(null)} />`}
    ${asked && html`<${BulkAbort} filter=${asked} onDone=${list.reload} onClose=${() => setAsked(null)} />`}
  `;
}

// Focus the next or the previous job of the list.
function step(by) {
  const links = [...document.querySelectorAll("table.jobs a.id")];
  const at = links.indexOf(document.activeElement);
  links[at < 0 ? 0 : Math.min(links.length - 1, Math.max(0, at + by))]?.focus();
}

const Nothing = ({ filter }) =>
  Object.values(filter).some(Boolean)
    ? html`<${Empty} title="No job matches"><a href="#/jobs">Show all jobs</a><//>`
    : html`<${NoJobs} />`;

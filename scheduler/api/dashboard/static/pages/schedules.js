// What makes jobs at set times: the schedules, and what they are to do within a week.
import { html, useState } from "../vendor/htm-preact.js";
import { pageOf, queryOf } from "../core/api.js";
import { useData } from "../core/data.js";
import { moment } from "../core/format.js";
import { link, refine } from "../core/route.js";
import { useMay, useWho } from "../core/who.js";
import { Pager } from "../parts/pager.js";
import { ScheduleForm } from "../parts/schedule_form.js";
import { Empty, Loaded } from "../parts/states.js";
import { Typed } from "../parts/typed.js";
import { Week } from "../parts/week.js";

const PAGE = 50;
const LOOK_MS = 5000;
const PAGES = { first: "← First", next: "Next →" };
const readSchedules = pageOf("schedules");

export function Schedules({ query }) {
  const who = useWho();
  const someone = query.uid || who.uid || who.all;
  return someone
    ? html`<${List} query=${query} />`
    : html`
        <div class="head"><h1>Schedules</h1></div>
        <${Whose} query=${query} />
        <${Empty} title="Whose schedules?">You act for ${who.uids.join(", ")}: enter one of these users.<//>
      `;
}

function Whose({ query }) {
  const who = useWho();
  return html`
    <search>
      <form class="filters" aria-label="Whose schedules" onSubmit=${(event) => event.preventDefault()}>
        <${Typed} label="User" name="uid" value=${query.uid} placeholder=${who?.all ? "all users" : (who?.uid ?? "which user?")} apply=${(uid) => refine(["schedules"], { uid, after: "" })} />
      </form>
    </search>
  `;
}

function List({ query }) {
  const who = useWho();
  const { after } = query;
  const uid = query.uid || who.uid;
  const list = useData("/-/schedules" + queryOf({ uid, after, limit: PAGE }), { read: readSchedules, everyMs: LOOK_MS });
  const [opens, setOpens] = useState(false);
  const may = useMay("change");
  return html`
    <div class="head">
      <h1>Schedules</h1>
      ${may && html`<button onClick=${() => setOpens(true)}>New schedule …</button>`}
    </div>
    <${Whose} query=${query} />
    <${Loaded} from=${list} rows=${4}>
      ${(data) =>
        data.schedules.length
          ? html`<${Table} schedules=${data.schedules} /><${Pager} page="schedules" query=${query} next=${data.next} of="schedules" words=${PAGES} /><${Week} uid=${uid} />`
          : html`<${Empty} title="No schedules">A schedule makes a job at each of its times.<//>`}
    <//>
    ${opens && html`<${ScheduleForm} uid=${uid} onClose=${() => setOpens(false)} />`}
  `;
}

const Table = ({ schedules }) => html`
  <table class="jobs schedules">
    <thead>
      <tr><th>Schedule</th><th>When</th><th>Task</th><th>Next</th><th>Note</th></tr>
    </thead>
    <tbody>${schedules.map((each) => html`<${Row} key=${`${each.uid}/${each.name}`} schedule=${each} />`)}</tbody>
  </table>
`;

export const when = ({ cron, every_s, phase_s, timezone }) =>
  cron ? `${cron} (${timezone})` : `every ${every_s} s` + (phase_s ? `, ${phase_s} s later` : "");

export const next = ({ paused, next: [first] }) => (paused ? "paused" : first ? moment(first) : "no more: it has ended");

const Row = ({ schedule }) => html`
  <tr>
    <td data-name="Schedule"><span class="note">${schedule.uid}</span> <a href=${link(["schedules", schedule.uid, schedule.name])}>${schedule.name}</a></td>
    <td data-name="When"><code>${when(schedule)}</code></td>
    <td data-name="Task">${schedule.task}</td>
    <td data-name="Next">${next(schedule)}</td>
    <td data-name="Note" class="lines">${schedule.note ?? "–"}</td>
  </tr>
`;

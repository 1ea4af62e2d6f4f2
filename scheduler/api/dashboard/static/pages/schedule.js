// One schedule: what it makes, when it does so next, and what became of its last times.
import { html, useState } from "../vendor/htm-preact.js";
import { exact } from "../core/api.js";
import { useData } from "../core/data.js";
import { duration, json, moment, shortId } from "../core/format.js";
import { jobLink, link } from "../core/route.js";
import { useMay } from "../core/who.js";
import { BackfillDialog, DeleteSchedule, pathTo, PauseSchedule, RunNow } from "../parts/schedule_actions.js";
import { ScheduleForm } from "../parts/schedule_form.js";
import { Loaded } from "../parts/states.js";
import { Status } from "../parts/status.js";
import { when } from "./schedules.js";

const LOOK_MS = 2000;
// The numbers of its data keep their text: they are written again.
const read = (text) => ({ ...JSON.parse(text), data: exact(text).data });
const REASONS = {
  missed: "no node was there in time",
  overlap: "an earlier job was not over",
  paused: "its handler or its user was paused",
  quota: "its user had too many queued jobs",
};

export function SchedulePage({ uid, name }) {
  const found = useData(pathTo({ uid, name }), { read, everyMs: LOOK_MS });
  return html`<${Loaded} from=${found} rows=${5}>${(schedule) => html`<${Shown} schedule=${schedule} onChanged=${() => found.reload()} />`}<//>`;
}

function Shown({ schedule, onChanged }) {
  const [open, setOpen] = useState(null);
  const may = useMay("change");
  const close = () => setOpen(null);
  return html`
    <div class="head">
      <h1>${schedule.name} ${schedule.paused && html`<span class="status">paused</span>`}</h1>
      ${may &&
      html`
        <${RunNow} schedule=${schedule} />
        <${PauseSchedule} schedule=${schedule} onChanged=${onChanged} />
        <button class="outline" onClick=${() => setOpen("edit")}>Change …</button>
        <button class="outline" onClick=${() => setOpen("backfill")}>Backfill …</button>
        <button class="danger outline" onClick=${() => setOpen("delete")}>Delete …</button>
      `}
    </div>
    <${Names} schedule=${schedule} />
    <div class="sheet">
      <section><h2>Next</h2><${Next} schedule=${schedule} /></section>
      <section><h2>Data</h2><pre class="json" tabindex="0">${json(schedule.data)}</pre></section>
    </div>
    <h2 class="sub">Last times</h2>
    <${History} schedule=${schedule} />
    ${open === "edit" && html`<${ScheduleForm} schedule=${schedule} onChanged=${onChanged} onClose=${close} />`}
    ${open === "backfill" && html`<${BackfillDialog} schedule=${schedule} onChanged=${onChanged} onClose=${close} />`}
    ${open === "delete" && html`<${DeleteSchedule} schedule=${schedule} onClose=${close} />`}
  `;
}

const Names = ({ schedule }) => html`
  <dl class="names">
    <div><dt>User</dt><dd><a href=${link(["schedules"], { uid: schedule.uid })}>${schedule.uid}</a></dd></div>
    <div><dt>When</dt><dd><code>${when(schedule)}</code></dd></div>
    <div><dt>Task</dt><dd>${schedule.task}</dd></div>
    <div><dt>Overlap</dt><dd>${schedule.overlap}</dd></div>
    <div><dt>Missed</dt><dd>${schedule.misfire}, within ${duration(schedule.catchup_s)}</dd></div>
    ${schedule.start_at && html`<div><dt>From</dt><dd>${moment(schedule.start_at)}</dd></div>`}
    ${schedule.end_at && html`<div><dt>Until</dt><dd>${moment(schedule.end_at)}</dd></div>`}
    ${schedule.set_by && html`<div><dt>Set by</dt><dd>${schedule.set_by}</dd></div>`}
    ${schedule.pause_after_failures && html`<div><dt>Pauses</dt><dd>after ${schedule.pause_after_failures} failures in a row</dd></div>`}
    ${schedule.remaining !== null && html`<div><dt>Makes</dt><dd>${schedule.remaining} more ${schedule.remaining === 1 ? "job" : "jobs"}</dd></div>`}
    ${schedule.note && html`<div><dt>Note</dt><dd class="lines">${schedule.note}</dd></div>`}
  </dl>
`;

function Next({ schedule }) {
  if (schedule.paused) return html`<p class="note">It makes no jobs while it is paused.</p>`;
  if (!schedule.next.length) return html`<p class="note">There are no more: it has ended.</p>`;
  const whole = !(schedule.every_s % 60 || schedule.phase_s % 60); // else the seconds matter
  const zone = new Intl.DateTimeFormat("sv", { timeZone: schedule.timezone, dateStyle: "short", timeStyle: whole ? "short" : "medium" });
  return html`
    <table class="times">
      <thead><tr><th>${schedule.timezone}</th><th>your time zone</th></tr></thead>
      <tbody>${schedule.next.map((at) => html`<tr><td>${zone.format(new Date(at))}</td><td>${moment(at).slice(0, whole ? 16 : 19)}</td></tr>`)}</tbody>
    </table>
  `;
}

function History({ schedule }) {
  if (!schedule.recent.length) return html`<p class="note">There were none yet.</p>`;
  return html`
    <table class="jobs schedules">
      <thead><tr><th>Time</th><th>Job</th><th>What became of it</th></tr></thead>
      <tbody>
        ${schedule.recent.map(
          (each) => html`
            <tr key=${each.scheduled_for}>
              <td data-name="Time">${moment(each.scheduled_for)}</td>
              <td data-name="Job">${each.job ? html`<a class="id" href=${jobLink({ uid: schedule.uid, id: each.job })}>${shortId(each.job)}</a>` : "–"}</td>
              <td data-name="Became">${each.skipped ? `skipped: ${REASONS[each.skipped] ?? each.skipped}${each.count > 1 ? ` (${each.count} times)` : ""}` : each.status ? html`<${Status} job=${each} />` : "deleted"}</td>
            </tr>
          `,
        )}
      </tbody>
    </table>
  `;
}

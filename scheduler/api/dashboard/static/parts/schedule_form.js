// Sets a schedule. While its times are typed, the next ones are shown, in its zone and in one's own.
import { html, useEffect, useState } from "../vendor/htm-preact.js";
import { useAlive } from "../core/alive.js";
import { ask, exact, pathOf } from "../core/api.js";
import { useData } from "../core/data.js";
import { json, moment } from "../core/format.js";
import { link, replace } from "../core/route.js";
import { Dialog } from "./dialog.js";
import { Failed } from "./states.js";

const TYPING_MS = 250; // a preview is asked for once nothing is typed for so long
const OWN_ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;
const ZONES = Intl.supportedValuesOf?.("timeZone") ?? [];
const OVERLAPS = { skip: "skip the next one", queue_one: "let one wait", allow: "run beside it", replace: "replace it, once it is dead" };
const MISFIRES = { once: "make up for the last one", all: "make up for all", skip: "skip them" };

const KEPT = ["hook", "phase_s", "pause_after_failures", "remaining", "start_at", "end_at", "jitter_s", "catchup_s", "paused", "priority", "max_attempts"];

// What PUT takes of a schedule that is there.
export function orderOf(schedule) {
  const names = ["task", "data", "cron", "every_s", "timezone", "misfire", "overlap", "note", ...KEPT];
  return Object.fromEntries(names.map((name) => [name, schedule[name]]));
}

export const put = (uid, name, order) => ask("PUT", pathOf("-", "schedules", uid, name), JSON.stringify(order));

function flawOf(text) {
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    return error.message;
  }
}

// `schedule`: the one that is changed, if any; else one for this user is made.
export function ScheduleForm({ schedule, uid, onChanged, onClose }) {
  const tasks = useData("/-/tasks");
  const [times, setTimes] = useState({
    kind: schedule?.every_s ? "every_s" : "cron",
    cron: schedule?.cron ?? "0 2 * * *",
    every_s: schedule?.every_s ?? 3600,
    phase_s: schedule?.phase_s ?? 0,
    timezone: schedule?.timezone ?? OWN_ZONE,
  });
  const [data, setData] = useState(schedule ? json(schedule.data) : "null");
  const [state, setState] = useState({ problem: null, busy: false });
  const alive = useAlive();
  const flaw = flawOf(data);
  const change = (event) => setTimes((old) => ({ ...old, [event.target.name]: event.target.value }));

  async function save(event) {
    event.preventDefault();
    if (flaw) return;
    const { uid: user, name, task, overlap, misfire, note, pause_after_failures: failures, remaining } = Object.fromEntries(new FormData(event.target));
    const kept = schedule ? Object.fromEntries(KEPT.map((each) => [each, schedule[each]])) : {};
    const order = { ...kept, task, overlap, misfire, note: note.replaceAll("\r\n", "\n") || null, pause_after_failures: failures ? Number(failures) : null, remaining: remaining ? Number(remaining) : null, data: exact(data), ...timesOf(times) };
    setState({ problem: null, busy: true });
    try {
      const stored = await put(schedule?.uid ?? user, schedule?.name ?? name, order);
      if (!alive.current) return;
      onClose();
      if (schedule) onChanged(stored);
      else replace(link(["schedules", stored.uid, stored.name]));
    } catch (problem) {
      if (alive.current) setState({ problem, busy: false });
    }
  }

  return html`
    <${Dialog} title=${schedule ? `Change ${schedule.name}` : "New schedule"} onClose=${onClose} wide>
      <form onSubmit=${save}>
        ${!schedule &&
        html`<div class="pair">
          <label>User<input name="uid" required maxlength="200" autofocus autocomplete="off" spellcheck=${false} defaultValue=${uid ?? ""} /></label>
          <label>Name<input name="name" required maxlength="200" autocomplete="off" spellcheck=${false} /></label>
        </div>`}
        <div class="pair">
          <label>
            When
            <select name="kind" value=${times.kind} onInput=${change}>
              <option value="cron" selected=${times.kind === "cron"}>by a cron expression</option>
              <option value="every_s" selected=${times.kind === "every_s"}>every so often</option>
            </select>
          </label>
          ${times.kind === "cron"
            ? html`<label>Cron <small>(minute hour day month weekday)</small><input name="cron" required class="code" autocomplete="off" spellcheck=${false} value=${times.cron} onInput=${change} /></label>`
            : html`<label>Seconds<input name="every_s" required type="number" min="1" value=${times.every_s} onInput=${change} /></label>`}
        </div>
        ${times.kind === "every_s" && html`<label>Shifted by <small>(seconds)</small><input name="phase_s" required type="number" min="0" value=${times.phase_s} onInput=${change} /></label>`}
        ${times.kind === "cron" && html`<label>Time zone<input name="timezone" required list="zones" autocomplete="off" spellcheck=${false} value=${times.timezone} onInput=${change} /></label>`}
        <datalist id="zones">${ZONES.map((name) => html`<option value=${name}></option>`)}</datalist>
        <${Preview} times=${times} />
        <label>
          Task
          <select name="task" required>
            ${(tasks.data ?? []).map(({ name }) => html`<option value=${name} selected=${name === schedule?.task}>${name}</option>`)}
          </select>
        </label>
        <label>
          Data <small>(any JSON)</small>
          <textarea name="data" rows="3" class="code" spellcheck=${false} aria-invalid=${flaw ? "true" : null} aria-describedby="schedule-flaw" value=${data} onInput=${(event) => setData(event.target.value)}></textarea>
          <small id="schedule-flaw" role="status">${flaw ? `Not JSON yet: ${flaw}` : "Each job has it."}</small>
        </label>
        <div class="pair">
          <label>While an earlier job is not over<${Choice} name="overlap" words=${OVERLAPS} chosen=${schedule?.overlap ?? "skip"} /></label>
          <label>Times that were missed<${Choice} name="misfire" words=${MISFIRES} chosen=${schedule?.misfire ?? "once"} /></label>
        </div>
        <div class="pair">
          <label>Pause after failures in a row<input name="pause_after_failures" type="number" min="1" max="100" placeholder="never" defaultValue=${schedule?.pause_after_failures ?? ""} /></label>
          <label>End after so many jobs<input name="remaining" type="number" min="0" max="1000000" placeholder="any number" defaultValue=${schedule?.remaining ?? ""} /></label>
        </div>
        <label>Note<textarea name="note" rows="1" maxlength="500" autocomplete="off" defaultValue=${schedule?.note ?? ""}></textarea></label>
        ${state.problem && html`<${Failed} problem=${state.problem} />`}
        <footer>
          <button type="button" class="secondary" onClick=${onClose}>Cancel</button>
          <button aria-busy=${state.busy} disabled=${state.busy || Boolean(flaw) || !tasks.data?.length}>Save</button>
        </footer>
      </form>
    <//>
  `;
}

const Choice = ({ name, words, chosen }) => html`
  <select name=${name}>${Object.entries(words).map(([value, word]) => html`<option value=${value} selected=${value === chosen}>${word}</option>`)}</select>
`;

const timesOf = ({ kind, cron, every_s, phase_s, timezone }) =>
  kind === "cron"
    ? { cron, every_s: null, phase_s: 0, timezone }
    : { cron: null, every_s: Number(every_s), phase_s: Number(phase_s), timezone: "UTC" };

// What is wrong, part by part, without the name of the field in the request.
const partsOf = (message) => message.replace(/^\/\w+: (got ("[^"]*"|\S+): )?/, "").split("; ");

// The next times, as they are typed. An answer to what was typed before is not shown.
function Preview({ times }) {
  const [found, setFound] = useState({ preview: null, problem: null });
  const order = JSON.stringify({ ...timesOf(times), count: 5 });
  useEffect(() => {
    let current = true;
    const timer = setTimeout(() => {
      ask("POST", "/-/schedules/preview", order).then(
        (preview) => current && setFound({ preview, problem: null }),
        (problem) => current && setFound({ preview: null, problem }),
      );
    }, TYPING_MS);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [order]);
  const { preview, problem } = found;
  const shown = times.kind === "every_s" && times.every_s % 60 ? 19 : 16; // characters: with seconds, or without
  return html`
    <div class="preview" role="status" aria-label="Next times">
      ${problem && partsOf(problem.message).map((part) => html`<p class="wrong">${part}</p>`)}
      ${preview &&
      html`
        <p>${preview.explained}.</p>
        ${preview.notes.map((note) => html`<p class="note">Note: ${note}.</p>`)}
        <table>
          <thead><tr><th>${preview.timezone}</th><th>yours${OWN_ZONE ? ` (${OWN_ZONE})` : ""}</th></tr></thead>
          <tbody>
            ${preview.next.map((at, number) => html`<tr><td>${preview.local[number].replace("T", " ").slice(0, shown)}</td><td>${moment(at).slice(0, shown)}</td></tr>`)}
          </tbody>
        </table>
        ${!preview.next.length && html`<p class="note">There are none.</p>`}
      `}
    </div>
  `;
}

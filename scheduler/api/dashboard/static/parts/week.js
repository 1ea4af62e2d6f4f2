// The calendar of the next seven days: for each day, which schedules make jobs, and when.
import { html } from "../vendor/htm-preact.js";
import { queryOf } from "../core/api.js";
import { useData } from "../core/data.js";
import { moment } from "../core/format.js";
import { link } from "../core/route.js";
import { Loaded } from "./states.js";

const DAYS = 8; // the first and the last one are parts of a day
const LOOK_MS = 30_000;
const SHOWN_MAX = 4; // of one schedule on a day

export function Week({ uid }) {
  const found = useData("/-/ui/data/calendar" + queryOf({ uid }), { everyMs: LOOK_MS });
  return html`
    <h2 class="sub">The next seven days <span class="note">in your time zone</span></h2>
    <${Loaded} from=${found} rows=${2}>${(data) => html`<${Days} schedules=${data} />`}<//>
  `;
}

function Days({ schedules }) {
  const today = new Date();
  const days = Array.from({ length: DAYS }, (_, number) => dayOf(new Date(today.getFullYear(), today.getMonth(), today.getDate() + number)));
  return html`
    <ol class="week" tabindex="0" aria-label="Calendar">
      ${days.map((day) => html`<li key=${day}><h3>${weekday(day)} <small>${day}</small></h3><${Day} day=${day} schedules=${schedules} /></li>`)}
    </ol>
  `;
}

const dayOf = (at) => moment(at).slice(0, 10);
const weekday = (day) => new Date(`${day}T12:00`).toLocaleDateString("en", { weekday: "short" });

function Day({ day, schedules }) {
  const found = schedules
    .map(({ uid, name, times, more }) => ({ uid, name, more, times: times.filter((at) => dayOf(at) === day) }))
    .filter(({ times, more }) => times.length || more);
  if (!found.length) return html`<p class="note">–</p>`;
  return html`
    <ul>
      ${found.map(
        ({ uid, name, times, more }) => html`<li key=${`${uid}/${name}`}><a href=${link(["schedules", uid, name])}>${name}</a> <span class="note">${clocks(times, more)}</span></li>`,
      )}
    </ul>
  `;
}

// `more`: not all times of the week are known, since they are many.
function clocks(times, more) {
  if (more && (!times.length || times.length > SHOWN_MAX)) return "often";
  const shown = times.slice(0, SHOWN_MAX).map((at) => moment(at).slice(11, 16));
  const left = times.length - shown.length;
  return shown.join(", ") + (left || more ? ` and ${left || ""} more`.replace("  ", " ") : "");
}

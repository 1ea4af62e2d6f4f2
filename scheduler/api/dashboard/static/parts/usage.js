// What a user uses of its quota; nothing where no quota limits the user.
import { html, useEffect } from "../vendor/htm-preact.js";
import { pathOf } from "../core/api.js";
import { useData } from "../core/data.js";
import { count, jobs } from "../core/format.js";

// `at`: when the list beside it was loaded; the use is then loaded again, too.
export function Usage({ uid, at }) {
  const usage = useData(pathOf("-", "usage", uid));
  useEffect(() => usage.reload(), [at]);
  const { queued, running, schedules, limits, weight } = usage.data || {};
  if (!limits || (weight === 1 && Object.values(limits).every((most) => most === null))) return null;
  return html`<p class="note usage">${[inQueue(queued, limits.queued_max), runs(running, limits.running_max), set(schedules, limits.schedules_max), rate(limits.submits_per_s), weight !== 1 && `weight ${weight}`].filter(Boolean).join(" · ")}</p>`;
}

function inQueue(queued, most) {
  if (most === null) return `${count(queued)} queued`;
  return `${count(queued)} of at most ${count(most)} queued` + (queued < most ? "" : ": further ones are refused");
}

function runs(running, most) {
  if (most === null) return `${count(running)} running`;
  return `${count(running)} of at most ${count(most)} running` + (running < most ? "" : ": further ones wait");
}

function set(schedules, most) {
  if (most === null) return null;
  return `${count(schedules)} of at most ${count(most)} ${most === 1 ? "schedule" : "schedules"}` + (schedules < most ? "" : ": further ones are refused");
}

const rate = (most) => most !== null && `at most ${jobs(most)} a second on each node`;

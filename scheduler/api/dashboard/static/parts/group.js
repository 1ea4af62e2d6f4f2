// How far a group of a user's jobs is: a bar with a part for each status.
import { html, useEffect } from "../vendor/htm-preact.js";
import { pathOf } from "../core/api.js";
import { useData } from "../core/data.js";
import { count, jobs } from "../core/format.js";

const PARTS = ["successful", "terminated", "aborted", "running", "queued"];

// `at`: when the list beside it was loaded; the group is then counted again, too.
export function Group({ uid, group, at }) {
  const found = useData(pathOf("-", "groups", uid, group));
  useEffect(() => found.reload(), [at]);
  if (!found.data?.jobs) return null;
  const { counts, ended, held, is_exact: exact } = found.data;
  const all = found.data.jobs;
  const parts = PARTS.filter((status) => counts[status]);
  let from = 0;
  return html`
    <section class="group" aria-label=${`The group ${group}`}>
      <p><strong>${group}</strong>: ${count(ended)} of ${exact ? "" : "at least "}${jobs(all)} ended</p>
      <svg viewBox="0 0 100 2" preserveAspectRatio="none" role="img" aria-label=${parts.map((status) => `${counts[status]} ${status}`).join(", ")}>
        ${parts.map((status) => {
          const width = (100 * counts[status]) / all;
          from += width;
          return html`<rect data-status=${status} x=${from - width} y="0" width=${width} height="2" />`;
        })}
      </svg>
      <p class="note">
        ${parts.map((status) => html`<span class="key" data-status=${status}>${count(counts[status])} ${status}</span> `)}
        ${held > 0 && `of the queued ones, ${count(held)} ${held === 1 ? "does" : "do"} not wait for a worker yet`}
      </p>
    </section>
  `;
}

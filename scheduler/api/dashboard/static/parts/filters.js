// Which jobs to show: user, task, status. The choice is kept in the URL and nowhere else.
import { html } from "../vendor/htm-preact.js";
import { refine } from "../core/route.js";
import { useWho } from "../core/who.js";
import { STATUSES, Word } from "./status.js";
import { Typed } from "./typed.js";

export function Filters({ query, tasks }) {
  const who = useWho();
  const chosen = new Set((query.status ?? "").split(",").filter(Boolean));

  const apply = (changed) => refine(["jobs"], { after: "", ...changed });

  function toggle(status) {
    if (!chosen.delete(status)) chosen.add(status);
    apply({ status: STATUSES.filter((each) => chosen.has(each)).join(",") });
  }

  return html`
    <search><form class="filters" aria-label="Which jobs" onSubmit=${(event) => event.preventDefault()}>
      <${Typed} label="User" name="uid" value=${query.uid} placeholder=${who?.all ? "all users" : (who?.uid ?? "which user?")} apply=${(uid) => apply({ uid })} />
      <label>
        Task
        <select name="task" value=${query.task ?? ""} onChange=${(event) => apply({ task: event.target.value })}>
          <option value="">all tasks</option>
          ${named(tasks, query.task).map((name) => html`<option value=${name} selected=${name === query.task}>${name}</option>`)}
        </select>
      </label>
      ${query.group && html`<button type="button" class="secondary outline chosen" title="Show all groups" onClick=${() => apply({ group: "" })}>Group ${query.group} ✕</button>`}
      <fieldset class="chips">
        <legend>Status</legend>
        ${STATUSES.map(
          (status) => html`<button type="button" aria-pressed=${chosen.has(status)} data-status=${status} onClick=${() => toggle(status)}><${Word} status=${status} /></button>`,
        )}
      </fieldset>
    </form></search>
  `;
}

// The names to choose from; the chosen one may be of a handler that no node has any more.
const named = (tasks, asked) => {
  const names = (tasks ?? []).map((task) => task.name);
  return asked && !names.includes(asked) ? [...names, asked] : names;
};

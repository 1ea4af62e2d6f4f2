// Which jobs to show: user, task, status. The choice is kept in the URL and nowhere else.
import { html, useEffect, useRef, useState } from "../vendor/htm-preact.js";
import { refine } from "../core/route.js";
import { useWho } from "../core/who.js";
import { STATUSES, Word } from "./status.js";

const PAUSE_MS = 300; // without typing, after which the list is filtered

export function Filters({ query, tasks }) {
  const timer = useRef(0);
  const who = useWho();
  const [typed, setTyped] = useState(query.uid ?? "");
  const applied = useRef(query.uid ?? ""); // what this field put into the URL: that must not overwrite what is typed since
  useEffect(() => () => clearTimeout(timer.current), []);
  useEffect(() => {
    if ((query.uid ?? "") !== applied.current) take(query.uid ?? "");
  }, [query.uid]);
  const chosen = new Set((query.status ?? "").split(",").filter(Boolean));

  const apply = (changed) => refine(["jobs"], { after: "", ...changed });

  function take(uid) {
    clearTimeout(timer.current);
    applied.current = uid;
    setTyped(uid);
  }

  function type(text) {
    setTyped(text);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      applied.current = text.trim();
      apply({ uid: applied.current });
    }, PAUSE_MS);
  }

  function toggle(status) {
    if (!chosen.delete(status)) chosen.add(status);
    apply({ status: STATUSES.filter((each) => chosen.has(each)).join(",") });
  }

  return html`
    <search><form class="filters" aria-label="Which jobs" onSubmit=${(event) => event.preventDefault()}>
      <label>User<input name="uid" type="search" value=${typed} placeholder=${who?.all ? "all users" : (who?.uid ?? "which user?")} autocomplete="off" spellcheck=${false} onInput=${(event) => type(event.target.value)} /></label>
      <label>
        Task
        <select name="task" value=${query.task ?? ""} onChange=${(event) => apply({ task: event.target.value })}>
          <option value="">all tasks</option>
          ${named(tasks, query.task).map((name) => html`<option value=${name} selected=${name === query.task}>${name}</option>`)}
        </select>
      </label>
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

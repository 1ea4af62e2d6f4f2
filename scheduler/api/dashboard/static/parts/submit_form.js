// Submits a job. The JSON is checked while it is typed, and sent as it was typed, digit by digit.
import { html, useState } from "../vendor/htm-preact.js";
import { ask } from "../core/api.js";
import { go, jobLink } from "../core/route.js";
import { Dialog } from "./dialog.js";
import { Failed } from "./states.js";

const USER_KEY = "atlan-user";

// What is wrong with a text as JSON, or null.
function flawOf(text) {
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    return error.message;
  }
}

function bodyOf({ uid, task, data, hook }) {
  const fields = JSON.stringify({ uid, task, ...(hook && { hook }) });
  return `${fields.slice(0, -1)},"data":${data.trim() || "null"}}`;
}

export function SubmitForm({ tasks, chosen, onClose }) {
  const [data, setData] = useState("{}");
  const [state, setState] = useState({ problem: null, busy: false });
  const flaw = data.trim() ? flawOf(data) : null;
  const first = tasks.some((task) => task.name === chosen) ? chosen : tasks[0]?.name;
  const [name, setName] = useState(first);
  const doc = tasks.find((task) => task.name === name)?.doc;

  async function submit(event) {
    event.preventDefault();
    if (flaw) return;
    const fields = Object.fromEntries(new FormData(event.target));
    setState({ problem: null, busy: true });
    try {
      const job = await ask("POST", "/", bodyOf(fields));
      localStorage.setItem(USER_KEY, fields.uid);
      go(jobLink(job));
    } catch (problem) {
      setState({ problem, busy: false });
    }
  }

  return html`
    <${Dialog} title="Submit a job" onClose=${onClose} wide>
      <form onSubmit=${submit}>
        <div class="pair">
          <label>User<input name="uid" required maxlength="200" autofocus spellcheck="false" autocomplete="off" defaultValue=${localStorage.getItem(USER_KEY) ?? ""} /></label>
          <label>
            Task
            <select name="task" value=${name} onChange=${(event) => setName(event.target.value)}>
              ${tasks.map((task) => html`<option value=${task.name} selected=${task.name === name}>${task.name}</option>`)}
            </select>
          </label>
        </div>
        ${doc && html`<p class="doc">${doc}</p>`}
        <label>
          Data <small>(any JSON)</small>
          <textarea name="data" rows="6" class="code" spellcheck="false" aria-invalid=${flaw ? "true" : null} aria-describedby="flaw" value=${data} onInput=${(event) => setData(event.target.value)}></textarea>
          <small id="flaw" role="status">${flaw ? `Not JSON yet: ${flaw}` : "It is sent as it stands."}</small>
        </label>
        <label>Hook <small>(optional: a URL that is told)</small><input name="hook" type="url" autocomplete="off" /></label>
        ${state.problem && html`<${Failed} problem=${state.problem} />`}
        <footer>
          <button type="button" class="secondary" onClick=${onClose}>Cancel</button>
          <button aria-busy=${state.busy} disabled=${state.busy || Boolean(flaw)}>Submit</button>
        </footer>
      </form>
    <//>
  `;
}

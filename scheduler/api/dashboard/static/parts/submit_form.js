// Submits a job. The JSON is checked during typing, and sent exactly as typed: no number is rounded.
import { html, useEffect, useState } from "../vendor/htm-preact.js";
import { useAlive } from "../core/alive.js";
import { ask, exact, pathOf, Problem } from "../core/api.js";
import { json } from "../core/format.js";
import { jobLink, replace } from "../core/route.js";
import { Dialog } from "./dialog.js";
import { ORDER_LABELS, OrderFields, orderOf } from "./order_fields.js";
import { Failed } from "./states.js";

const USER_KEY = "atlan-user";

// Why a text is not JSON, or null if it is.
function flawOf(text) {
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    return error.message;
  }
}

// The example at the end of a handler's doc line: `Wait: {"n": 30}.` has one, `Wait: a bit.` has none.
function exampleOf(task) {
  const [, text] = /: (.*?)\.?$/.exec(task?.doc ?? "") ?? [];
  return text && flawOf(text) === null ? text : "{}";
}

const LABELS = { uid: "User", task: "Task", data: "Data", hook: "Hook", ...ORDER_LABELS };

// A problem with the names of the form's fields: `/uid: …` becomes `User: …`.
function inWords({ message, status, errors }) {
  const named = (text) => text.replace(/^\/(\w+)/, (whole, name) => LABELS[name] ?? whole);
  const flaws = errors?.map((flaw) => ({ ...flaw, pointer: named(flaw.pointer) }));
  return new Problem(named(message), status, flaws);
}

// Of a re-run, there is no user and no task; and no hook means none.
function bodyOf({ uid, task, data, hook, ...order }, again) {
  const fields = JSON.stringify({ uid, task, hook: hook || null, ...orderOf(order, again) });
  return `${fields.slice(0, -1)},"data":${data.trim() || "null"}}`;
}

// `like`: the uid and id of the job to run again with other data, if any.
export function SubmitForm({ tasks, chosen, like, onClose }) {
  const alive = useAlive();
  const taskOf = (wanted) => tasks.find((task) => task.name === wanted);
  const [task, setTask] = useState(chosen === "?" ? tasks[0] : taskOf(chosen));
  const [data, setData] = useState(like.id ? "" : exampleOf(task));
  const [loads, setLoads] = useState(Boolean(like.id)); // no typing until then: it would be overwritten
  const [hook, setHook] = useState("");
  const [old, setOld] = useState(); // the job that is run again
  const [state, setState] = useState({ problem: null, busy: false });
  const flaw = data.trim() ? flawOf(data) : null;

  useEffect(() => {
    if (!like.id) return;
    ask("GET", pathOf(like.uid, like.id), undefined, (text) => ({ ...JSON.parse(text), data: exact(text).data }))
      .then(
        (job) => {
          setData(json(job.data));
          setHook(job.hook ?? "");
          setOld(job);
        },
        (problem) => setState({ problem, busy: false }),
      )
      .finally(() => setLoads(false));
  }, []);

  function choose(wanted) {
    if (data === exampleOf(task)) setData(exampleOf(taskOf(wanted))); // else the user has typed it
    setTask(taskOf(wanted));
  }

  async function submit(event) {
    event.preventDefault();
    if (flaw) return;
    const fields = Object.fromEntries(new FormData(event.target));
    const body = bodyOf(fields, Boolean(like.id));
    setState({ problem: null, busy: true });
    try {
      const job = await ask("POST", like.id ? pathOf(like.uid, like.id, "rerun") : "/", body);
      if (!like.id) window.atlanStorage.write(USER_KEY, fields.uid);
      if (alive.current) replace(jobLink(job)); // not if the user has left the form
    } catch (problem) {
      setState({ problem: inWords(problem), busy: false });
    }
  }

  return html`
    <${Dialog} title=${like.id ? "Edit and run again" : "Submit a job"} onClose=${onClose} wide>
      <form onSubmit=${submit} onInput=${() => setState((old) => ({ ...old, problem: null }))}>
        <div class="pair">
          <label>User<input name="uid" required maxlength="200" autofocus=${!like.id} disabled=${Boolean(like.id)} spellcheck=${false} autocomplete="off" defaultValue=${like.uid ?? window.atlanStorage.read(USER_KEY) ?? ""} /></label>
          <label>
            Task
            <select name="task" disabled=${Boolean(like.id)} value=${task?.name ?? ""} onInput=${(event) => choose(event.target.value)}>
              ${!task && html`<option value="" disabled selected>${chosen}</option>`}
              ${tasks.map(({ name }) => html`<option value=${name} selected=${name === task?.name}>${name}</option>`)}
            </select>
          </label>
        </div>
        ${!task && html`<${Failed} problem=${new Problem(`There is no handler ${chosen} any more.${like.id ? "" : " Choose another one."}`)} />`}
        ${task?.doc && html`<p class="doc">${task.doc}</p>`}
        <label>
          Data <small>(any JSON)</small>
          <textarea name="data" rows="6" class="code" spellcheck=${false} disabled=${loads} aria-busy=${loads} aria-invalid=${flaw ? "true" : null} aria-describedby="flaw" value=${data} onInput=${(event) => setData(event.target.value)}></textarea>
          <small id="flaw" role="status">${flaw ? `Not JSON yet: ${flaw}` : "It is sent as it stands."}</small>
        </label>
        <label>Hook <small>(optional: a URL to call)</small><input name="hook" type="url" autocomplete="off" value=${hook} onInput=${(event) => setHook(event.target.value)} /></label>
        <${OrderFields} key=${old?.id} like=${old} />
        ${state.problem && html`<${Failed} problem=${state.problem} />`}
        <footer>
          <button type="button" class="secondary" onClick=${onClose}>Cancel</button>
          <button aria-busy=${state.busy} disabled=${!task || loads || state.busy || Boolean(flaw)}>${like.id ? "Run again" : "Submit"}</button>
        </footer>
      </form>
    <//>
  `;
}

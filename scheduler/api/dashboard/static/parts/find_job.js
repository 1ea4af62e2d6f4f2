// A field for the id of a job, as it is copied from a log or a message: it leads to the job.
import { html, useRef, useState } from "../vendor/htm-preact.js";
import { ask, queryOf } from "../core/api.js";
import { go, jobLink } from "../core/route.js";

export function FindJob() {
  const [problem, setProblem] = useState(null);
  const field = useRef(null);

  async function find(event) {
    event.preventDefault();
    const id = field.current.value.trim();
    if (!id) return;
    setProblem(null);
    try {
      go(jobLink(await ask("GET", "/-/ui/data/find" + queryOf({ id }))));
      field.current.value = "";
    } catch (failed) {
      setProblem(failed.message);
    }
  }

  return html`
    <search class="find"><form aria-label="Find a job" onSubmit=${find} onInput=${() => setProblem(null)}>
      <input type="search" ref=${field} aria-label="Id of a job" placeholder="Job id" maxlength="300" autocomplete="off" spellcheck=${false} aria-invalid=${problem ? "true" : null} aria-describedby="not-found" />
      <small id="not-found" role="status">${problem}</small>
    </form></search>
  `;
}

// Opens the form that submits a job, over the page that is shown. It closes back to that page.
import { html } from "../vendor/htm-preact.js";
import { useData } from "../core/data.js";
import { closeForm, formLink, openForm } from "../core/route.js";
import { useMay } from "../core/who.js";
import { Dialog } from "./dialog.js";
import { Failed, NoHandlers } from "./states.js";
import { SubmitForm } from "./submit_form.js";

// `form`: {submit: a task, or "?" for any; again: whether it is to run the job again that is shown}.
export function FormLink({ form, children }) {
  function open(event) {
    event.preventDefault();
    openForm(form);
  }
  return useMay("change") ? html`<a href=${formLink(form)} onClick=${open}>${children}</a>` : children;
}

export const FormButton = ({ form, children, ...rest }) =>
  useMay("change") && html`<button ...${rest} onClick=${() => openForm(form)}>${children}</button>`;

export function JobForm({ route }) {
  const tasks = useData("/-/tasks");
  const { submit, again } = route.query;
  const [, uid, id] = again ? route.parts : [];
  if (tasks.data?.length) {
    return html`<${SubmitForm} key=${submit} tasks=${tasks.data} chosen=${submit} like=${{ uid, id }} onClose=${closeForm} />`;
  }
  const refused = tasks.problem?.status > 0;
  if (!tasks.data && !refused) return null;
  return html`
    <${Dialog} title="Submit a job" onClose=${closeForm}>
      ${refused ? html`<${Failed} problem=${tasks.problem} onRetry=${tasks.reload} />` : html`<${NoHandlers} />`}
    <//>
  `;
}

// What is paused: a handler, a user or a node. Operators pause and resume here.
import { html, useState } from "../vendor/htm-preact.js";
import { queryOf } from "../core/api.js";
import { useData } from "../core/data.js";
import { moment } from "../core/format.js";
import { Pager } from "../parts/pager.js";
import { KINDS, PauseDialog, readPauses, Resume } from "../parts/pauses.js";
import { Empty, Loaded } from "../parts/states.js";

const PAGE = 50;
const LOOK_MS = 2000;

export function Pauses({ query }) {
  const { after } = query;
  const list = useData("/-/pauses" + queryOf({ after, limit: PAGE }), { read: readPauses, everyMs: LOOK_MS });
  const [opens, setOpens] = useState(false);
  return html`
    <div class="head">
      <h1>Pauses</h1>
      <button onClick=${() => setOpens(true)}>Pause …</button>
    </div>
    <p class="note">No new attempt begins of what is paused. What runs goes on, and aborts are done at once.</p>
    <${Loaded} from=${list} rows=${4}>
      ${(data) =>
        data.pauses.length
          ? html`<${Table} pauses=${data.pauses} onChanged=${list.reload} /><${Pager} page="pauses" query=${query} next=${data.next} of="pauses" words=${PAGES} />`
          : html`<${Empty} title="Nothing is paused">Jobs of all users and handlers run on all nodes.<//>`}
    <//>
    ${opens && html`<${PauseDialog} onChanged=${list.reload} onClose=${() => setOpens(false)} />`}
  `;
}

const PAGES = { first: "← First", next: "Next →" };

const Table = ({ pauses, onChanged }) => html`
  <table class="jobs pauses">
    <thead>
      <tr><th>Paused</th><th>Since</th><th>Until</th><th>By</th><th>Reason</th><th>Action</th></tr>
    </thead>
    <tbody>${pauses.map((pause) => html`<${Row} key=${`${pause.kind}/${pause.name}`} pause=${pause} onChanged=${onChanged} />`)}</tbody>
  </table>
`;

const Row = ({ pause, onChanged }) => html`
  <tr>
    <td data-name="Paused"><span class="note">${KINDS[pause.kind]}</span> <strong>${pause.name}</strong></td>
    <td data-name="Since"><time datetime=${pause.paused_at}>${moment(pause.paused_at)}</time></td>
    <td data-name="Until">${pause.until ? moment(pause.until) : "it is resumed"}</td>
    <td data-name="By">${pause.by ?? "–"}</td>
    <td data-name="Reason">${pause.reason ?? "–"}</td>
    <td data-name="Action"><${Resume} pause=${pause} onChanged=${onChanged} /></td>
  </tr>
`;

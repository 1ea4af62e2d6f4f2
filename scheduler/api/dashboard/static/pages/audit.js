// The audit log: who did what, newest first. Only admins may read it.
import { html } from "../vendor/htm-preact.js";
import { pageOf, queryOf } from "../core/api.js";
import { useData } from "../core/data.js";
import { AuditFilters } from "../parts/audit_filters.js";
import { AuditTable } from "../parts/audit_table.js";
import { Pager } from "../parts/pager.js";
import { Empty, Loaded } from "../parts/states.js";

const PAGE = 50;
const read = pageOf("records");

export function Audit({ query }) {
  const { actor, uid, action, since, before, after } = query;
  const filter = { actor, uid, action, since: midnight(since), before: midnight(before) };
  const list = useData("/-/audit" + queryOf({ ...filter, after, limit: PAGE }), { read });
  return html`
    <h1>Audit log</h1>
    <${AuditFilters} query=${query} />
    <${Loaded} from=${list} rows=${8}>
      ${(data) =>
        data.records.length
          ? html`<${AuditTable} records=${data.records} /><${Pager} page="audit" query=${query} next=${data.next} of="records" />`
          : html`<${Nothing} filter=${filter} />`}
    <//>
  `;
}

// The beginning of a day where the viewer is; "" for none, or for what is no day.
function midnight(day) {
  const at = new Date(`${day}T00:00`);
  return Number.isNaN(at.getTime()) ? "" : at.toISOString();
}

const Nothing = ({ filter }) =>
  Object.values(filter).some(Boolean)
    ? html`<${Empty} title="No record matches"><a href="#/audit">Show all records</a><//>`
    : html`<${Empty} title="Nothing is recorded yet">Logins, tokens that are made and revoked, and aborts will be here.<//>`;

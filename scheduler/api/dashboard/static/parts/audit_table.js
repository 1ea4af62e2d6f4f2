// Records of the audit log: a row for each; on a phone, a card.
import { html } from "../vendor/htm-preact.js";
import { ago, count, jobs, moment, shortId } from "../core/format.js";
import { jobLink, link } from "../core/route.js";
import { useNow } from "../core/now.js";
import { ACTIONS } from "./audit_filters.js";

export function AuditTable({ records }) {
  const now = useNow();
  return html`
    <table class="jobs audit">
      <thead>
        <tr><th>Time</th><th>Who</th><th>Action</th><th>About</th><th>From</th><th>Detail</th></tr>
      </thead>
      <tbody>${records.map((record) => html`<${Row} key=${record.id} record=${record} now=${now} />`)}</tbody>
    </table>
  `;
}

const Row = ({ record, now }) => html`
  <tr>
    <td data-name="Time"><time datetime=${record.at} title=${ago(record.at, now)}>${moment(record.at)}</time></td>
    <td data-name="Who"><${Who} record=${record} /></td>
    <td data-name="Action">${ACTIONS[record.action] ?? record.action}</td>
    <td data-name="About"><${About} record=${record} /></td>
    <td data-name="From">${record.client ?? "–"}</td>
    <td data-name="Detail">${details(record.detail) || "–"}</td>
  </tr>
`;

const Who = ({ record }) =>
  record.actor === null
    ? "–"
    : html`<a class="quiet" href=${link(["audit"], { actor: record.actor })}>${record.actor}</a> <span class="note">${record.role}</span>`;

// The job or token, or whose jobs; and how many, where it is not one.
function About({ record }) {
  const { uid, target, action } = record;
  const user = uid && html`<a class="quiet" href=${link(["audit"], { uid })}>${uid}</a> `;
  const job = uid && target && html`<a class="id" href=${jobLink({ uid, id: target })} title=${target}>${shortId(target)}</a> `;
  const token = !uid && target && html`<code>${target}</code> `;
  const times = action === "login_failed" ? `${count(record.count)} times` : jobs(record.count);
  return html`${user}${job}${token}${record.count > 1 && html`<span class="note">${times}</span>`}${!uid && !target && record.count === 1 && "–"}`;
}

// {reason: "wrong", tasks: ["a", "b"]} → "reason wrong, tasks a b"
const details = (detail) =>
  Object.entries(detail)
    .map(([name, value]) => `${name} ${words(value)}`)
    .join(", ");

const words = (value) => {
  if (Array.isArray(value)) return value.join(" ");
  return typeof value === "string" ? value : JSON.stringify(value);
};

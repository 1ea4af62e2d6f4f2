// Which records of the audit log to show: who, whose jobs, what, when. The choice is kept in the URL.
import { html } from "../vendor/htm-preact.js";
import { refine } from "../core/route.js";
import { Typed } from "./typed.js";

export const ACTIONS = {
  abort: "abort",
  abort_all: "abort of all",
  rerun: "re-run",
  rerun_all: "re-run of all",
  submit: "submission for another",
  login: "login",
  login_failed: "failed login",
  logout: "logout",
  create_token: "token made",
  revoke_token: "token revoked",
};

const apply = (changed) => refine(["audit"], { after: "", ...changed });

export const AuditFilters = ({ query }) => html`
  <search><form class="filters" aria-label="Which records" onSubmit=${(event) => event.preventDefault()}>
    <${Typed} label="Who" name="actor" value=${query.actor} placeholder="everybody" apply=${(actor) => apply({ actor })} />
    <${Typed} label="User" name="uid" value=${query.uid} placeholder="all users" apply=${(uid) => apply({ uid })} />
    <label>
      Action
      <select name="action" value=${query.action ?? ""} onChange=${(event) => apply({ action: event.target.value })}>
        <option value="">all actions</option>
        ${Object.entries(ACTIONS).map(([action, words]) => html`<option value=${action} selected=${action === query.action}>${words}</option>`)}
      </select>
    </label>
    <${Day} label="From" name="since" value=${query.since} />
    <${Day} label="Before" name="before" value=${query.before} />
  </form></search>
`;

const Day = ({ label, name, value }) => html`
  <label>${label}<input type="date" name=${name} value=${value ?? ""} onChange=${(event) => apply({ [name]: event.target.value })} /></label>
`;

// How many jobs of which users something is about, those with the most first.
import { html } from "../vendor/htm-preact.js";
import { count } from "../core/format.js";

const SHOWN_MAX = 6;

export function Users({ users }) {
  const sorted = Object.entries(users).sort((a, b) => b[1] - a[1]);
  const more = sorted.length - SHOWN_MAX;
  return html`
    <ul class="users">
      ${sorted.slice(0, SHOWN_MAX).map(([uid, each]) => html`<li><span>${uid}</span> <span>${count(each)}</span></li>`)}
      ${more > 0 && html`<li>and ${count(more)} more ${more === 1 ? "user" : "users"}</li>`}
    </ul>
  `;
}

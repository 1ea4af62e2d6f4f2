// Leads to the newest and to the older rows of a list.
import { html } from "../vendor/htm-preact.js";
import { link } from "../core/route.js";

const WORDS = { first: "← Newest", next: "Older →" };

export function Pager({ page, query, next, of, words = WORDS }) {
  if (!query.after && !next) return null;
  return html`
    <nav class="pages" aria-label=${`Pages of ${of}`}>
      ${query.after ? html`<a href=${link([page], { ...query, after: "" })}>${words.first}</a>` : html`<span></span>`}
      ${next && html`<a href=${link([page], { ...query, after: next })}>${words.next}</a>`}
    </nav>
  `;
}

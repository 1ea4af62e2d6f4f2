// Leads to the newest and to the older rows of a list.
import { html } from "../vendor/htm-preact.js";
import { link } from "../core/route.js";

export function Pager({ page, query, next, of }) {
  if (!query.after && !next) return null;
  return html`
    <nav class="pages" aria-label=${`Older and newer ${of}`}>
      ${query.after ? html`<a href=${link([page], { ...query, after: "" })}>← Newest</a>` : html`<span></span>`}
      ${next && html`<a href=${link([page], { ...query, after: next })}>Older →</a>`}
    </nav>
  `;
}

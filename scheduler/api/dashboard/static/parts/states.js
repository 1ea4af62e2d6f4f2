// What is shown instead of data: there is none, it is loading, or loading failed.
import { html } from "../vendor/htm-preact.js";

// `heading`: "h1" where nothing else is on the page.
export const Empty = ({ title, heading = "h2", children }) => html`
  <div class="empty">
    <img src="icons/empty.svg" alt="" width="72" height="72" />
    <${heading}>${title}<//>
    <p>${children}</p>
  </div>
`;

export const NoHandlers = () => html`
  <${Empty} title="No handlers">Put a file with a handler into the handlers folder, and send the node SIGHUP: it then loads the folder anew.<//>
`;

export const Loading = ({ rows = 3 }) => html`
  <div class="loading" role="status" aria-label="Loading">
    ${Array.from({ length: rows }, () => html`<span></span>`)}
  </div>
`;

export const Failed = ({ problem, onRetry }) => html`
  <div class="failed" role="alert">
    <p>${problem.message}</p>
    ${problem.errors?.length > 1 && html`<ul>${problem.errors.map((flaw) => html`<li><code>${flaw.pointer}</code> ${flaw.detail}</li>`)}</ul>`}
    ${onRetry && html`<button class="secondary" onClick=${onRetry}>Try again</button>`}
  </div>
`;

// The data if there is any, else why not. `children` is a function of the data.
export function Loaded({ from, rows, children }) {
  const refused = from.problem?.status > 0; // else the notice above the page says that the node is away
  return html`
    ${refused && html`<${Failed} problem=${from.problem} onRetry=${from.reload} />`}
    ${from.data ? children(from.data) : !refused && html`<${Loading} rows=${rows} />`}
  `;
}

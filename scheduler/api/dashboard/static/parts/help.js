// The dialog that lists the keyboard shortcuts.
import { html } from "../vendor/htm-preact.js";
import { KEYS } from "../core/keys.js";
import { Dialog } from "./dialog.js";

export const Help = ({ onClose }) => html`
  <${Dialog} title="Keyboard shortcuts" onClose=${onClose}>
    <dl class="keys">
      ${KEYS.map(
        ([keys, does]) => html`
          <dt>${keys.split(/ +/).map((key) => html`<kbd>${key}</kbd> `)}</dt>
          <dd>${does}</dd>
        `,
      )}
    </dl>
    <footer><button onClick=${onClose}>Close</button></footer>
  <//>
`;

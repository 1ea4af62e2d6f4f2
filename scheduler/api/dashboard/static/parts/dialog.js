// A dialog of the browser's own: it keeps the focus in, closes by Escape, and gives the focus back.
import { html, useEffect, useRef } from "../vendor/htm-preact.js";

export function Dialog({ title, onClose, wide, children }) {
  const dialog = useRef(null);
  useEffect(() => {
    const opener = document.activeElement;
    dialog.current.showModal();
    return () => opener?.focus?.();
  }, []);
  return html`
    <dialog ref=${dialog} aria-label=${title} onClose=${onClose} onClick=${(event) => event.target === dialog.current && onClose()}>
      <article class=${wide ? "wide" : null}>
        <header>
          <button aria-label="Close" rel="prev" onClick=${onClose}></button>
          <h2>${title}</h2>
        </header>
        ${children}
      </article>
    </dialog>
  `;
}

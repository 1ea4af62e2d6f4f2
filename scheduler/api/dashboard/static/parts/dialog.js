// A dialog of the browser's own: it keeps the focus in, closes by Escape, and gives the focus back.
import { html, useEffect, useRef } from "../vendor/htm-preact.js";

export function Dialog({ title, onClose, wide, children }) {
  const dialog = useRef(null);
  useEffect(() => {
    const shown = dialog.current;
    shown.showModal();
    return () => shown.close(); // which gives the focus back; to remove it alone would not
  }, []);

  function cancel(event) {
    event.preventDefault(); // it is closed by taking it off the page, as by its buttons
    onClose();
  }

  // Not left to the browser, which may take an Escape that comes with the dialog for the page's.
  const onKey = (event) => event.key === "Escape" && cancel(event);

  return html`
    <dialog ref=${dialog} aria-label=${title} onCancel=${cancel} onKeyDown=${onKey} onClick=${(event) => event.target === dialog.current && onClose()}>
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

// A dialog of the browser's own: it keeps the focus in, closes by Escape, and gives the focus back.
import { html, render, useLayoutEffect, useRef } from "../vendor/htm-preact.js";

// It has a root of its own at the end of the page. Amid a page it would be moved when what is
// beside it changes, and a dialog that is moved is modal no more and loses the focus.
export function Dialog(props) {
  const root = useRef(null);
  useLayoutEffect(() => {
    root.current = document.body.appendChild(document.createElement("div"));
    return () => {
      render(null, root.current);
      root.current.remove();
      // What opened it may be gone, as the button of an abort: then the next Tab begins at the page.
      if (document.activeElement === document.body) document.querySelector("main").focus({ preventScroll: true });
    };
  }, []);
  useLayoutEffect(() => render(html`<${Shown} ...${props} />`, root.current));
  return null;
}

function Shown({ title, onClose, wide, children }) {
  const dialog = useRef(null);
  useLayoutEffect(() => {
    const shown = dialog.current;
    shown.showModal();
    return () => shown.close(); // which gives the focus back; to remove it alone would not
  }, []);

  // A text that is marked with the mouse may end beyond the dialog: that click is none beside it.
  const isBeside = (event) => event.target === dialog.current;
  const pressed = useRef(false);

  function cancel(event) {
    event.preventDefault(); // it is closed by taking it off the page, as by its buttons
    onClose();
  }

  return html`
    <dialog
      ref=${dialog}
      aria-label=${title}
      onCancel=${cancel}
      onPointerDown=${(event) => (pressed.current = isBeside(event))}
      onClick=${(event) => isBeside(event) && pressed.current && onClose()}
    >
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

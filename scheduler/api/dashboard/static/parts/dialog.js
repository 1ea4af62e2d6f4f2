// A native dialog: the browser keeps the focus inside, closes it by Escape, and restores the focus.
import { html, render, useLayoutEffect, useRef } from "../vendor/htm-preact.js";

// It has a root of its own at the end of the page. Inside a page it would be moved when its siblings
// change, and a dialog that is moved is no longer modal and loses the focus.
export function Dialog(props) {
  const root = useRef(null);
  useLayoutEffect(() => {
    root.current = document.body.appendChild(document.createElement("div"));
    return () => {
      render(null, root.current);
      root.current.remove();
      // The element that opened it may be gone, such as the abort button: focus the page then.
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
    return () => shown.close(); // this restores the focus; only removing the element would not
  }, []);

  // A selection by mouse may end outside the dialog: only a click that begins outside closes it.
  const isOutside = (event) => event.target === dialog.current;
  const pressed = useRef(false);

  function cancel(event) {
    event.preventDefault(); // it is closed by removing it from the page, as its buttons do
    onClose();
  }

  return html`
    <dialog
      ref=${dialog}
      aria-label=${title}
      onCancel=${cancel}
      onPointerDown=${(event) => (pressed.current = isOutside(event))}
      onClick=${(event) => isOutside(event) && pressed.current && onClose()}
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

// A text field of a filter: what is in it is applied once the user has stopped typing.
import { html, useEffect, useRef, useState } from "../vendor/htm-preact.js";

const PAUSE_MS = 300; // without typing, after which the list is filtered

export function Typed({ label, name, value = "", placeholder, apply }) {
  const timer = useRef(0);
  const [typed, setTyped] = useState(value);
  const applied = useRef(value); // what this field put into the URL: that must not overwrite what is typed since
  useEffect(() => () => clearTimeout(timer.current), []);
  useEffect(() => {
    if (value !== applied.current) take(value);
  }, [value]);

  function take(text) {
    clearTimeout(timer.current);
    applied.current = text;
    setTyped(text);
  }

  function type(text) {
    setTyped(text);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      applied.current = text.trim();
      apply(applied.current);
    }, PAUSE_MS);
  }

  return html`
    <label>${label}<input name=${name} type="search" value=${typed} placeholder=${placeholder} autocomplete="off" spellcheck=${false} onInput=${(event) => type(event.target.value)} /></label>
  `;
}

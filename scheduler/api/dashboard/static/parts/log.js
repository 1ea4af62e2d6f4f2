// What a job prints and logs, live. Stays scrolled to the end unless the user scrolled up.
import { html, useLayoutEffect, useRef } from "../vendor/htm-preact.js";
import { urlOf } from "../core/api.js";
import { count, lineTime } from "../core/format.js";
import { levelOf } from "../core/log_level.js";
import { logPath, useLog } from "../core/log_stream.js";
import { Loading } from "./states.js";
import { isMoving } from "./status.js";

const LINE = /^(\S+Z) (stdout|stderr|notice) (.*)$/s;
const NEAR_PX = 40;

export function Log({ job }) {
  const { lines, dropped, problem } = useLog(job.uid, job.id, !isMoving(job));
  const refused = problem?.status > 0;
  const box = useRef(null);
  const follows = useRef(true);
  const last = useRef({ line: null, top: 0 }); // the last line, and its position, as drawn last
  useLayoutEffect(() => {
    if (!box.current) return;
    const { line, top } = last.current;
    if (follows.current) box.current.scrollTop = box.current.scrollHeight;
    else if (line?.isConnected) box.current.scrollTop += within(box.current, line) - top; // lines above were dropped
    const end = box.current.lastElementChild;
    last.current = { line: end, top: within(box.current, end) };
  }, [dropped, lines]);

  function onScroll({ target }) {
    follows.current = target.scrollHeight - target.scrollTop - target.clientHeight < NEAR_PX;
  }

  return html`
    <section class="log">
      <h2>Log <a href=${urlOf(logPath(job.uid, job.id))} target="_blank" rel="noreferrer">as text</a></h2>
      ${refused && html`<p class="note">${problem.message}</p>`}
      ${dropped > 0 && html`<p class="note">The first ${count(dropped)} lines are only in the text.</p>`}
      ${lines?.length
        ? html`<div class="lines" ref=${box} onScroll=${onScroll} tabindex="0" role="log" aria-label="Log">${lines.map((text, at) => line(text, dropped + at))}</div>`
        : !refused && (lines ? html`<p class="note">It printed nothing${job.finished_at ? "" : " yet"}.</p>` : html`<${Loading} />`)}
    </section>
  `;
}

// The distance from the top of the scrolled content. Not rounded: whole pixels would add up to drift.
const within = (box, line) => line.getBoundingClientRect().top - box.getBoundingClientRect().top + box.scrollTop;

function line(text, number) {
  const [, at, stream, said] = LINE.exec(text) ?? [null, "", "notice", text];
  const found = stream === "notice" ? null : levelOf(said);
  return html`
    <div key=${number} data-stream=${stream} data-level=${found?.rank}>
      <time>${at && lineTime(at)}</time>
      ${stream === "stderr" && html`<i title="It came by stderr">err</i>`}
      <span>${found ? html`${found.before}<b>${found.level}</b>${found.after}` : said}</span>
    </div>
  `;
}

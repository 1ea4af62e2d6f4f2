// A job between the jobs that it comes after and those that come after it, as a small graph.
import { html } from "../vendor/htm-preact.js";
import { jobLink } from "../core/route.js";

const BOX = { width: 168, height: 46, gap: 12, between: 52 };
const WIDTH = 3 * BOX.width + 2 * BOX.between;
const LETTERS = 20;

// `around`: the outlines of its neighbours; nothing is drawn where it has none.
export function Neighbours({ job, around }) {
  const { before = [], behind = [], behind_more: behindMore } = around;
  if (!before.length && !behind.length) return null;
  const beforeMore = job.after.length - before.length;
  const rows = Math.max(before.length + (beforeMore > 0), behind.length + Boolean(behindMore), 1);
  const height = rows * (BOX.height + BOX.gap) - BOX.gap;
  const middle = (height - BOX.height) / 2;
  const left = placed(before, 0, height, beforeMore > 0);
  const right = placed(behind, 2 * (BOX.width + BOX.between), height, behindMore);
  const here = { job, x: BOX.width + BOX.between, y: middle };
  const title = job.after_if === "end" ? "After the end of" : "After the success of";
  return html`
    <section class="neighbours">
      <h2>Order</h2>
      <p class="note">${before.length > 0 && `${title} ${job.after.length === 1 ? "the job" : `all of the ${job.after.length} jobs`} on the left.`} ${behind.length > 0 && "What is on the right comes after it."}</p>
      <svg viewBox=${`-2 -2 ${WIDTH + 4} ${height + 4}`} role="group" aria-label="The jobs before and behind this one">
        ${left.map((each) => html`<${Edge} from=${each} to=${here} />`)}
        ${right.map((each) => html`<${Edge} from=${here} to=${each} />`)}
        ${left.map((each) => html`<${Box} ...${each} uid=${job.uid} />`)}
        <${Box} ...${here} uid=${job.uid} own />
        ${right.map((each) => html`<${Box} ...${each} uid=${job.uid} />`)}
        ${beforeMore > 0 && html`<${More} x=${0} y=${height} text=${`and ${beforeMore} more`} />`}
        ${behindMore && html`<${More} x=${2 * (BOX.width + BOX.between)} y=${height} text="and more" />`}
      </svg>
    </section>
  `;
}

// Boxes one above the other, in the middle of the height that there is.
function placed(jobs, x, height, more) {
  const rows = jobs.length + (more ? 1 : 0);
  const top = (height - rows * (BOX.height + BOX.gap) + BOX.gap) / 2;
  return jobs.map((job, row) => ({ job, x, y: top + row * (BOX.height + BOX.gap) }));
}

function Edge({ from, to }) {
  const [x1, y1] = [from.x + BOX.width, from.y + BOX.height / 2];
  const [x2, y2] = [to.x - 7, to.y + BOX.height / 2];
  const bend = (x1 + x2) / 2;
  return html`
    <path class="edge" d=${`M${x1} ${y1}C${bend} ${y1} ${bend} ${y2} ${x2} ${y2}`} />
    <path class="tip" d=${`M${x2} ${y2 - 4}l7 4l-7 4z`} />
  `;
}

function Box({ job, x, y, uid, own }) {
  const drawn = html`
    <rect x=${x} y=${y} width=${BOX.width} height=${BOX.height} rx="8" class=${own ? "own" : ""} />
    <text x=${x + 12} y=${y + 20}>${cut(job.task)}</text>
    <text x=${x + 12} y=${y + 37} class="status">${job.status}</text>
    <text x=${x + BOX.width - 12} y=${y + 37} class="tail">…${job.id.slice(-6)}</text>
  `;
  return own
    ? html`<g data-status=${job.status}>${drawn}</g>`
    : html`<a href=${jobLink({ uid, id: job.id })} data-status=${job.status} aria-label=${`${job.task} ${job.id}, ${job.status}`}>${drawn}</a>`;
}

const More = ({ x, y, text }) => html`<text class="more" x=${x + 12} y=${y - BOX.height / 2 + 4}>${text}</text>`;

const cut = (text) => (text.length > LETTERS ? text.slice(0, LETTERS - 1) + "…" : text);

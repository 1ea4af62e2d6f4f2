// The nodes. A node is alive while its heartbeat counter changes: this page checks as other nodes do.
import { html, useRef } from "../vendor/htm-preact.js";
import { useData } from "../core/data.js";
import { count, duration, moment } from "../core/format.js";
import { Resume } from "../parts/pauses.js";
import { Empty, Loaded } from "../parts/states.js";

const LOOK_MS = 2000;

export function Nodes() {
  const nodes = useData("/-/ui/data/nodes", { everyMs: LOOK_MS });
  const beats = useRef(new Map());
  return html`
    <h1>Nodes</h1>
    <${Loaded} from=${nodes}>
      ${(data) =>
        data.nodes.length
          ? html`<div class="cards">${data.nodes.map((node) => html`<${NodeCard} key=${node.id} node=${node} quiet_s=${quiet(beats.current, node, nodes.at)} lease_s=${data.lease_s} onChanged=${nodes.reload} />`)}</div>`
          : html`<${Empty} title="No node is registered">The one that shows this page is just starting, or draining.<//>`}
    <//>
  `;
}

// For how long a node's heartbeat counter has not changed, as far as this page has seen: `at` is when
// it loaded the nodes last. While it loads nothing, or its own node is away, no silence is counted.
function quiet(beats, { id, beat }, at) {
  if (beats.get(id)?.beat !== beat) beats.set(id, { beat, at });
  return Math.max(0, (at - beats.get(id).at) / 1000);
}

// "since 2026-11-23 14:08:50, by ops, until 2026-11-24 07:00:00: repair"
function aboutNode({ paused_at, by, until, reason }) {
  const said = [`since ${moment(paused_at)}`, by && `by ${by}`, until && `until ${moment(until)}`];
  return said.filter(Boolean).join(", ") + (reason ? `: ${reason}` : "");
}

function NodeCard({ node, quiet_s, lease_s, onChanged }) {
  const silent = quiet_s > lease_s;
  return html`
    <article class="card" data-bad=${silent}>
      <h2>${node.name}${node.paused && html` <span class="status" data-status="queued">paused</span>`}</h2>
      <p class="note"><code>${node.id}</code></p>
      <div class="progress">
        <progress value=${node.running} max=${node.workers} aria-label="Busy workers"></progress>
        <span class="figure">${count(node.running)} of ${count(node.workers)}</span><span class="of">workers busy</span>
      </div>
      <dl class="names">
        <div><dt>Lease</dt><dd>${silent ? `silent for ${duration(Math.round(quiet_s))}` : `renewed, holds for ${duration(lease_s)}`}</dd></div>
        <div><dt>Version</dt><dd>${node.version}</dd></div>
        <div><dt>Started</dt><dd>${moment(node.started_at)}</dd></div>
        ${node.paused && html`<div><dt>Paused</dt><dd>${aboutNode(node.paused)}</dd></div>`}
        ${node.labels.length > 0 && html`<div><dt>Labels</dt><dd>${node.labels.join(", ")}</dd></div>`}
        ${node.only.length > 0 && html`<div><dt>Takes only</dt><dd>jobs that need ${node.only.join(" or ")}</dd></div>`}
        <div><dt>Handlers</dt><dd>${count(node.tasks.length)}</dd></div>
      </dl>
      ${node.paused && html`<footer><${Resume} pause=${node.paused} onChanged=${onChanged} /></footer>`}
    </article>
  `;
}

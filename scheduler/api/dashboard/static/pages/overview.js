// The installation at a glance: how many jobs wait, run and end, and how long that takes.
import { html, useEffect, useMemo, useState } from "../vendor/htm-preact.js";
import { ask, jobPage } from "../core/api.js";
import { useData } from "../core/data.js";
import { useEvents } from "../core/events.js";
import { count, duration, time } from "../core/format.js";
import { link } from "../core/route.js";
import { Chart } from "../parts/chart.js";
import { JobTable, NoJobs, withProgress } from "../parts/job_table.js";
import { Loaded } from "../parts/states.js";
import { wordFor } from "../parts/status.js";

const AGE_MS = 5000; // ages and rates change even without events
const SAMPLED_S = 1800; // how far the chart of queued and running jobs reaches back at most

export function Overview() {
  const figures = useData("/-/ui/data/overview", { everyMs: AGE_MS });
  const newest = useData("/-/jobs?limit=8&data=false", { read: jobPage });
  const reload = () => [figures, newest].forEach((each) => each.reload());
  useEvents("/-/events", {
    status: reload,
    missed: reload,
    progress: (event) => newest.change((data) => withProgress(data, JSON.parse(event))),
  });
  const samples = useSamples(figures.data);
  return html`
    <h1>Overview</h1>
    <${Loaded} from=${figures} rows=${4}>
      ${(data) => html`
        <${Tiles} figures=${data} />
        <${Charts} figures=${data} samples=${samples} />
        <${Newest} list=${newest} />
      `}
    <//>
  `;
}

// How many jobs waited and ran: what the node remembers, and what this page has loaded since.
function useSamples(figures) {
  const [remembered, setRemembered] = useState([]);
  const [seen, setSeen] = useState([]);
  useEffect(() => {
    ask("GET", "/-/ui/data/samples").then(setRemembered, () => {}); // then the chart begins here
  }, []);
  useEffect(() => {
    if (!figures) return;
    const { at, queued, running } = figures;
    setSeen((old) => late([...old, { at, queued, running }]));
  }, [figures?.at]);
  return useMemo(() => late([...remembered.filter((each) => !(each.at >= seen[0]?.at)), ...seen]), [remembered, seen]);
}

function late(samples) {
  const since = new Date(samples.at(-1)?.at) - SAMPLED_S * 1000;
  return samples.filter((each) => new Date(each.at) >= since);
}

const Newest = ({ list }) => html`
  <h2 class="sub">Newest jobs <a href="#/jobs">all jobs</a></h2>
  <${Loaded} from=${list} rows=${4}>
    ${(data) => (data.jobs.length ? html`<${JobTable} jobs=${data.jobs} />` : html`<${NoJobs} />`)}
  <//>
`;

function Tiles({ figures }) {
  const { successful, terminated, aborted } = figures.last_minute;
  const oldest = figures.oldest_queued_s;
  return html`
    <div class="tiles">
      <${Tile} name="Queued" status="queued" href=${link(["jobs"], { status: "queued" })} value=${count(figures.queued) + (figures.queued_is_exact ? "" : "+")}>
        ${oldest === null ? "nothing waits" : `the oldest for ${duration(oldest)}`}${heldBack(figures.held)}
      <//>
      <${Tile} name="Running" status="running" href=${link(["jobs"], { status: "running" })} value=${count(figures.running)}>on all nodes<//>
      <${Tile} name="Finished / min" status="successful" href=${link(["jobs"], { status: "successful,terminated" })} value=${count(successful + terminated)}>
        ${terminated ? `${count(terminated)} of them failed` : "none failed"}
      <//>
      <${Tile} name="Aborted / min" status="aborted" href=${link(["jobs"], { status: "aborted" })} value=${count(aborted)}>in the last minute<//>
      <${Span} name="Waiting, p50" quantiles=${figures.waiting} />
      <${Span} name="Running time, p50" quantiles=${figures.ran} />
    </div>
  `;
}

// How many queued jobs wait for something else than a worker.
function heldBack(held) {
  const number = Object.values(held).reduce((sum, each) => sum + each, 0);
  return number ? `, ${count(number)} held` : "";
}

const Tile = ({ name, status, href, value, children }) => html`
  <a class="tile" href=${href} data-status=${status}>
    <span class="name">${name}</span>
    <strong>${value}</strong>
    <small>${children}</small>
  </a>
`;

const Span = ({ name, quantiles }) => html`
  <div class="tile">
    <span class="name">${name}</span>
    <strong>${quantiles ? duration(quantiles.p50_s) : "–"}</strong>
    <small>${quantiles ? `p95: ${duration(quantiles.p95_s)}` : "nothing ended lately"}</small>
  </div>
`;

function Charts({ figures, samples }) {
  const { minutes } = figures;
  const of = (status) => minutes.map((minute) => minute[status]);
  const partial = figures.minutes_since > minutes[0].at;
  return html`
    <div class="charts">
      <${Chart}
        title="Ended per minute"
        kind="bars"
        times=${minutes.map((minute) => new Date(minute.at) / 1000)}
        series=${[
          { name: "successful", label: "successful", values: of("successful") },
          { name: "terminated", label: wordFor("terminated"), values: of("terminated") },
          { name: "aborted", label: "aborted", values: of("aborted") },
        ]}
      />
      <${Chart}
        title="Queued and running"
        kind="lines"
        times=${samples.map((sample) => new Date(sample.at) / 1000)}
        series=${[
          { name: "queued", label: "queued", values: samples.map((sample) => sample.queued) },
          { name: "running", label: "running", values: samples.map((sample) => sample.running) },
        ]}
      />
    </div>
    ${partial && html`<p class="note">So much ended that the bars are complete only since ${time(figures.minutes_since)}.</p>`}
  `;
}

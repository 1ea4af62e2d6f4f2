// The frame around every page: header, navigation, keys, and the notice that the node is away.
import { html, render, useEffect, useRef, useState } from "./vendor/htm-preact.js";
import { checkHealth } from "./core/api.js";
import { useConnection } from "./core/connection.js";
import { time } from "./core/format.js";
import { useKeys } from "./core/keys.js";
import { go, link, openForm, useRoute } from "./core/route.js";
import { loadWho, logout, useWho } from "./core/who.js";
import { Audit } from "./pages/audit.js";
import { Handlers } from "./pages/handlers.js";
import { JobPage } from "./pages/job.js";
import { Jobs } from "./pages/jobs.js";
import { Login } from "./pages/login.js";
import { Nodes } from "./pages/nodes.js";
import { Overview } from "./pages/overview.js";
import { Pauses } from "./pages/pauses.js";
import { SchedulePage } from "./pages/schedule.js";
import { Schedules } from "./pages/schedules.js";
import { Help } from "./parts/help.js";
import { FindJob } from "./parts/find_job.js";
import { JobForm } from "./parts/job_form.js";
import { PausedNodes } from "./parts/pauses.js";
import { Empty, Failed, Loading } from "./parts/states.js";

const HEALTH_CHECK_MS = 5000; // how soon the page notices that the node is away although no connection broke
const PAGES = { overview: Overview, jobs: Jobs, schedules: Schedules, nodes: Nodes, handlers: Handlers, pauses: Pauses, audit: Audit };

// The pages that somebody may see, the first one first.
function pagesOf(who) {
  if (!who?.rights) return [];
  const hidden = {
    overview: !who.all,
    nodes: !who.rights.includes("operate"),
    pauses: !who.rights.includes("operate"),
    audit: !who.rights.includes("administer") || who.name === null, // where nobody has a name, little is in it
  };
  return Object.keys(PAGES).filter((name) => !hidden[name]);
}

function App() {
  const route = useRoute();
  const { lost, since } = useConnection();
  const who = useWho();
  const [helps, setHelps] = useState(false);
  useHealthChecks();
  useEffect(() => {
    if (!lost && who === null) loadWho();
  }, [lost]);
  const { main, focusTarget } = useFocusOnChange(route);
  useKeys({
    "g o": () => turnTo(route, "overview"),
    "g j": () => turnTo(route, "jobs"),
    "g s": () => turnTo(route, "schedules"),
    "g n": () => turnTo(route, "nodes"),
    "g h": () => turnTo(route, "handlers"),
    "g p": () => turnTo(route, "pauses"),
    "g a": () => turnTo(route, "audit"),
    n: () => openForm({ submit: "?" }),
    "/": () => toFilter(focusTarget),
    t: () => window.atlanTheme.toggle(),
    "?": () => setHelps(true),
  });
  return html`
    <${Header} route=${route} who=${who} lost=${lost} main=${main} onHelp=${() => setHelps(true)} />
    ${lost && html`<${Lost} since=${since} />`}
    ${who?.rights?.includes("operate") && html`<${PausedNodes} />`}
    <main class="container" tabindex="-1" ref=${main} data-stale=${lost}>
      <${Page} key=${who?.name} route=${route} who=${who} />
    </main>
    ${route.query.submit && who?.rights?.includes("change") && html`<${JobForm} route=${route} />`}
    ${helps && html`<${Help} onClose=${() => setHelps(false)} />`}
  `;
}

function Page({ route, who }) {
  if (who === null) return html`<${Loading} rows=${6} />`;
  if (who.out) return html`<${Login} />`;
  if (who.problem) return html`<h1>Nothing for you here</h1><${Failed} problem=${who.problem} />`;
  if (route.page === "jobs" && route.parts.length === 3) {
    const [, uid, id] = route.parts;
    return html`<${JobPage} key=${id} uid=${uid} id=${id} />`;
  }
  if (route.page === "schedules" && route.parts.length === 3) {
    const [, uid, name] = route.parts;
    return html`<${SchedulePage} key=${`${uid}/${name}`} uid=${uid} name=${name} />`;
  }
  const [first] = pagesOf(who);
  const Shown = PAGES[route.parts.length ? route.page : first];
  if (Shown) return html`<${Shown} query=${route.query} />`;
  return html`<${Empty} heading="h1" title="There is no such page"><a href="#/overview">To the overview</a><//>`;
}

function Header({ route, who, lost, main, onHelp }) {
  return html`
    <header class="top container">
      <a class="skip" href=${location.hash} onClick=${(event) => skip(event, main)}>To the content</a>
      <a class="brand" href="#/"><img src="icons/atlan.svg" alt="" width="24" height="24" />AtlanScheduler</a>
      <nav aria-label="Pages">
        ${pagesOf(who).map(
          (name) => html`<a href=${link([name])} aria-current=${(route.parts.length ? route.page : pagesOf(who)[0]) === name ? "page" : null}>${name}</a>`,
        )}
        ${who && !who.out && html`<a href="../docs" title="The API, as a page to read">API</a>`}
      </nav>
      ${who?.rights?.includes("read") && html`<${FindJob} />`}
      <span class="line" role="status" data-lost=${lost}>${lost ? "disconnected" : "live"}</span>
      ${who?.logged_in && html`<button class="plain wide" title=${`Logged in as ${who.name}`} onClick=${logout}>Log out</button>`}
      <button class="plain" aria-label="Light or dark" title="Light or dark (t)" onClick=${() => window.atlanTheme.toggle()}>◐</button>
      <button class="plain" aria-label="Keyboard shortcuts" title="Keyboard shortcuts (?)" onClick=${onHelp}>?</button>
    </header>
  `;
}

const Lost = ({ since }) => html`
  <div class="lost" role="alert">
    <strong>The node does not answer.</strong> This is how things were at ${time(since)};
    the page comes back by itself when the node does.
  </div>
`;

function useHealthChecks() {
  useEffect(() => {
    const timer = setInterval(() => document.hidden || checkHealth(), HEALTH_CHECK_MS);
    return () => clearInterval(timer);
  }, []);
}

// Moves the focus to the beginning of a new page, where a screen reader and the next Tab continue.
function useFocusOnChange(route) {
  const main = useRef(null);
  const focusTarget = useRef(null); // set before the change to focus another element: a function that finds it
  const where = route.parts.join("/");
  const before = useRef(where);
  useEffect(() => {
    document.title = `${route.parts[2] ? `job ${route.parts[2]}` : route.page} · AtlanScheduler`;
    if (before.current !== where) (focusTarget.current?.() ?? main.current).focus({ preventScroll: true });
    before.current = where;
    focusTarget.current = null;
  }, [where]);
  return { main, focusTarget };
}

// A user who is on this page already keeps its filter.
function turnTo(route, page) {
  if (route.parts.join("/") !== page) go(link([page]));
}

const userField = () => document.querySelector("main [name=uid]");

function toFilter(focusTarget) {
  if (userField()) return userField().focus();
  focusTarget.current = userField;
  return go(link(["jobs"]));
}

function skip(event, main) {
  event.preventDefault();
  main.current.focus();
}

render(html`<${App} />`, document.body);

// The shell: what is around every page.
import { html, render, useEffect, useRef, useState } from "./vendor/htm-preact.js";
import { pulse } from "./core/api.js";
import { useConnection } from "./core/connection.js";
import { time } from "./core/format.js";
import { useKeys } from "./core/keys.js";
import { go, link, useRoute } from "./core/route.js";
import { Handlers } from "./pages/handlers.js";
import { JobPage } from "./pages/job.js";
import { Jobs } from "./pages/jobs.js";
import { Nodes } from "./pages/nodes.js";
import { Overview } from "./pages/overview.js";
import { Help } from "./parts/help.js";
import { Empty } from "./parts/states.js";

const PULSE_MS = 5000; // how soon a node that went silently is noticed
const PAGES = { overview: Overview, jobs: Jobs, nodes: Nodes, handlers: Handlers };

function App() {
  const route = useRoute();
  const { lost, since } = useConnection();
  const [helps, setHelps] = useState(false);
  usePulse();
  const { main, aim } = useFocusOnChange(route);
  useKeys({
    "g o": () => turnTo(route, "overview"),
    "g j": () => turnTo(route, "jobs"),
    "g n": () => turnTo(route, "nodes"),
    "g h": () => turnTo(route, "handlers"),
    n: () => go(link(["handlers"], { submit: "?" })),
    "/": () => toFilter(aim),
    t: () => window.atlanTheme.toggle(),
    "?": () => setHelps(true),
  });
  return html`
    <a class="skip" href=${location.hash} onClick=${(event) => skip(event, main)}>To the content</a>
    <${Header} route=${route} lost=${lost} onHelp=${() => setHelps(true)} />
    ${lost && html`<${Lost} since=${since} />`}
    <main class="container" tabindex="-1" ref=${main} data-stale=${lost}>
      <${Page} route=${route} />
    </main>
    ${helps && html`<${Help} onClose=${() => setHelps(false)} />`}
  `;
}

function Page({ route }) {
  if (route.page === "jobs" && route.parts.length === 3) {
    const [, uid, id] = route.parts;
    return html`<${JobPage} key=${id} uid=${uid} id=${id} />`;
  }
  const Shown = PAGES[route.page];
  if (Shown) return html`<${Shown} query=${route.query} />`;
  return html`<${Empty} title="There is no such page"><a href="#/overview">To the overview</a><//>`;
}

function Header({ route, lost, onHelp }) {
  return html`
    <header class="top container">
      <a class="brand" href="#/overview"><img src="icons/atlan.svg" alt="" width="24" height="24" />AtlanScheduler</a>
      <nav aria-label="Pages">
        ${Object.keys(PAGES).map(
          (name) => html`<a href=${link([name])} aria-current=${route.page === name ? "page" : null}>${name}</a>`,
        )}
      </nav>
      <span class="line" role="status" data-lost=${lost}>${lost ? "disconnected" : "live"}</span>
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

function usePulse() {
  useEffect(() => {
    const timer = setInterval(() => document.hidden || pulse(), PULSE_MS);
    return () => clearInterval(timer);
  }, []);
}

// A screen reader, and the next Tab, go on where the new page begins.
function useFocusOnChange(route) {
  const main = useRef(null);
  const aim = useRef(null); // or at what this finds, if it was set before
  const where = route.parts.join("/");
  const before = useRef(where);
  useEffect(() => {
    document.title = `${route.parts[2] ? `job ${route.parts[2]}` : route.page} · AtlanScheduler`;
    if (before.current !== where) (aim.current?.() ?? main.current).focus({ preventScroll: true });
    before.current = where;
    aim.current = null;
  }, [where]);
  return { main, aim };
}

// Who is there already keeps the filter.
function turnTo(route, page) {
  if (route.parts.join("/") !== page) go(link([page]));
}

const userField = () => document.querySelector("main [name=uid]");

function toFilter(aim) {
  if (userField()) return userField().focus();
  aim.current = userField;
  return go(link(["jobs"]));
}

function skip(event, main) {
  event.preventDefault();
  main.current.focus();
}

render(html`<${App} />`, document.body);

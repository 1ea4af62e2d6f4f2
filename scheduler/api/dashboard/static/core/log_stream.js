// A job's log as lines, followed until the job is final. It is one response, so no line comes twice.
import { useEffect, useRef, useState } from "../vendor/htm-preact.js";
import { pathOf, Problem, reach } from "./api.js";
import { useConnection } from "./connection.js";
import { useHidden } from "./visibility.js";

const LINES_MAX = 5000; // more would make the page slow; the whole log is available as text
const PAINT_MS = 100;
const AGAIN_MS = 3000;
const CATCH_UP_MS = 3000; // for so long, a log that is read again is shown only once it is as long as before

export const logPath = (uid, id) => pathOf(uid, id) + "/log";

// {lines, dropped, problem}; `lines` is null until the node answers. `over`: the job prints no more.
export function useLog(uid, id, over) {
  const [log, setLog] = useState({ lines: null, dropped: 0, problem: null });
  const isOver = useRef(over);
  isOver.current = over;
  const { lost } = useConnection();
  const away = useHidden() || lost; // at most six connections to a node: none for a hidden page
  useEffect(() => {
    if (away) return undefined;
    const stop = new AbortController();
    follow(logPath(uid, id) + "?follow=true", stop.signal, setLog, isOver);
    return () => stop.abort();
  }, [uid, id, away]);
  return log;
}

async function follow(path, signal, show, isOver) {
  while (!signal.aborted) {
    const problem = await read(path, signal, show).catch((error) => error);
    if (signal.aborted) return;
    if (problem) show((log) => ({ ...log, problem }));
    // A refusal would only be repeated. Otherwise the node closed its server, and the job goes on.
    if (problem ? problem.status : isOver.current) return;
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}

async function read(path, signal, show) {
  const answer = await reach(path, { signal });
  if (!answer.ok) throw new Problem("The log cannot be read.", answer.status);
  const buffer = new LineBuffer(show);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) buffer.add(part.value);
    buffer.end();
  } finally {
    buffer.close();
  }
}

// Cuts text into lines, and shows them a few times a second, however fast they come. After a new
// connection, the old lines stay until as many are read again: to the user, the log only grows.
class LineBuffer {
  constructor(show) {
    this.show = show;
    this.lines = [];
    this.dropped = 0;
    this.rest = "";
    this.started = performance.now();
    this.timer = setTimeout(() => this.paint(), PAINT_MS);
  }

  add(text) {
    const lines = (this.rest + text).split("\n");
    this.rest = lines.pop();
    this.lines.push(...lines);
    const over = Math.max(0, this.lines.length - LINES_MAX);
    this.lines.splice(0, over);
    this.dropped += over;
    this.timer ||= setTimeout(() => this.paint(), PAINT_MS);
  }

  end() {
    if (this.rest) this.add("\n");
    this.paint();
  }

  close() {
    clearTimeout(this.timer);
  }

  paint() {
    this.timer = 0;
    const late = performance.now() - this.started > CATCH_UP_MS;
    const read = { lines: this.lines.slice(), dropped: this.dropped, problem: null };
    this.show((shown) => (late || length(read) >= length(shown) ? read : shown));
  }
}

const length = ({ lines, dropped }) => dropped + (lines?.length ?? 0);

// A job's log as lines, followed until the job is final. One answer of text, so no line comes twice.
import { useEffect, useState } from "../vendor/htm-preact.js";
import { place, Problem, reach } from "./api.js";
import { useConnection } from "./connection.js";

const LINES_MAX = 5000; // more would make the page slow; the whole log has an address of its own
const PAINT_MS = 100;
const AGAIN_MS = 3000;

export const logPath = (uid, id) => place(uid, id) + "/log";

// {lines, dropped, problem}
export function useLog(uid, id) {
  const [log, setLog] = useState({ lines: [], dropped: 0, problem: null });
  const { lost } = useConnection();
  useEffect(() => {
    if (lost) return undefined;
    const stop = new AbortController();
    follow(logPath(uid, id) + "?follow=true", stop.signal, setLog);
    return () => stop.abort();
  }, [uid, id, lost]);
  return log;
}

async function follow(path, signal, show) {
  while (!signal.aborted) {
    const problem = await read(path, signal, show).catch((error) => error);
    if (!problem || signal.aborted) return;
    show((log) => ({ ...log, problem }));
    if (problem.status) return; // an answer, and another try would get the same
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}

async function read(path, signal, show) {
  const answer = await reach(path, { signal });
  if (!answer.ok) throw new Problem("The log cannot be read.", answer.status);
  const page = new Page(show);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) page.add(part.value);
  page.end();
}

// Cuts text into lines and shows them a few times a second, however fast they come.
class Page {
  constructor(show) {
    this.show = show;
    this.lines = [];
    this.dropped = 0;
    this.rest = "";
    this.timer = 0;
    this.paint();
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
    clearTimeout(this.timer);
    this.paint();
  }

  paint() {
    this.timer = 0;
    this.show({ lines: this.lines.slice(), dropped: this.dropped, problem: null });
  }
}

// Opens the page again if its start fails or stops. The page loads this file by itself too, so that
// it works while another file of the page does not come.

import { keep, recall } from "./memory.mjs";

const RESTARTS = "restarts"; // since the door was last open
const SILENCE_MS = Number(document.querySelector('meta[name="hallkeeper-silence-ms"]').content);
const SILENCE_MS_MAX = 10 * 60_000;
const PAUSE_MS = 1000; // before a page that failed is opened again; twice as long each time
const PAUSE_MS_MAX = 60_000;
const PROBE_MS = 10_000;

export const restarts = Number(recall(RESTARTS));
let begun = false; // The page's scripts run.
let restarting = false;
let hurry = () => {};

// For how long to wait for a sign of life. Longer at each attempt, so that a slow phone is not
// restarted for ever.
export const patienceMs = (times = 1) => Math.min(times * SILENCE_MS * 2 ** restarts, SILENCE_MS_MAX);

export function begin() {
  begun = true;
}

export function succeed() {
  keep(RESTARTS, 0);
}

// Reloads the page, once the server answers: else the browser would show its own page in place of this
// one. `onWait` is called before each pause. While it is under way, a further call ends the pause.
export async function restart({ failed = false, onWait = () => {}, code } = {}) {
  hurry();
  if (restarting) return;
  restarting = true;
  keep(RESTARTS, restarts + 1);
  let waits = failed;
  while (waits || !((await isKept()) || (await serverAnswers()))) {
    waits = false;
    onWait();
    await pause(Math.min(PAUSE_MS * 2 ** restarts, PAUSE_MS_MAX));
  }
  if (code) history.replaceState(null, "", `#${encodeURIComponent(code)}`);
  location.reload();
}

// Whether the service worker has all files of the page.
export async function isKept() {
  return Boolean(navigator.serviceWorker?.controller && (await caches.match("/door/in-use")));
}

export async function serverAnswers() {
  try {
    const signal = AbortSignal.timeout(PROBE_MS);
    return (await fetch("/door/files.json", { cache: "no-store", signal })).ok;
  } catch {
    return false;
  }
}

function pause(ms) {
  return new Promise((resolve) => {
    hurry = resolve;
    setTimeout(resolve, ms);
  });
}

setTimeout(() => { if (!begun) restart(); }, patienceMs());

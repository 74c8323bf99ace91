// The page of a phone that is a door: the kiosk's own screen, with the phone's camera as its eye and
// the door itself in a worker.

import { Begin } from "./begin.mjs";
import { Camera, OFF } from "./camera.mjs";
import { Device } from "./device.mjs";
import { Eye } from "./eye.mjs";
import { keep, recall } from "./memory.mjs";
import { PhonePanel } from "./panel.mjs";
import { PhoneKiosk } from "./phone_kiosk.mjs";
import { languagesOf, say, startWith, turnLanguages } from "./screen/shared/words.js";
import { start as startScreen } from "./screen/steward/screen.js";
import { Updates } from "./updates.mjs";

const REPORT_MS = 10_000;
const SILENCE_MS_MAX = 10 * 60_000;
const RESTARTS = "restarts"; // since the door was last open
const at = (id) => document.getElementById(id);
const meta = (name) => document.querySelector(`meta[name="hallkeeper-${name}"]`).content;
const files = meta("files");
const version = files.split("/").at(-2);

const video = Object.assign(document.createElement("video"), { muted: true, playsInline: true });
const camera = new Camera(video, change);
const device = new Device(change);
const updates = new Updates(version, change);
const begin = new Begin({ start: open, again });
let worker = null;
let kiosk = null;
let panel = null;
let eye = null;
let opened = false; // A person has opened it.
let status = null;

// What the page itself knows, in place of the worker's.
function fields(told) {
  const own = eye && camera.state === "live" ? eye.hint : "";
  const notice = Object.keys(told.notice ?? {}).length > 0 ? told.notice : words(own);
  return { camera: camera.state, camera_message: words(camera.why), battery_percent: device.battery, notice };
}

function words(key) {
  if (!key) return {};
  return Object.fromEntries(languagesOf().map((language) => [language.language, say(key, {}, language)]));
}

function facts() {
  const storing = updates.stored ? "stored" : "storing";
  return [
    status?.promise && say(`promise_${status.promise}`),
    "serviceWorker" in navigator && say(storing),
    updates.ready && say("update_ready"),
    !device.awake && say("no_wake_lock"),
    say("version", { version: [status?.version, version.slice(0, 8)].filter(Boolean).join(" · ") }),
  ].filter(Boolean);
}

function change() {
  kiosk?.show();
  panel?.paint();
  at("wedge").hidden = camera.state !== "none";
}

function hear(message) {
  if (message.type === "progress") begin.progress(message.done, message.of);
  else if (message.type === "words") begin.compare(message.six);
  else if (message.type === "need") begin.need(message.what, message.message);
  else if (message.type === "failed") fail();
  else if (message.type === "ready") becomeReady();
  else if (message.type === "idle" && message.update_allowed) updates.take();
  else if (message.type === "status") {
    status = message.status;
    if (status.update) updates.wish();
    panel?.paint();
  }
}

// Ends a worker that has stopped, and opens the page again; after a longer time at each attempt.
function judgeSilence(ms) {
  // The first start fetches its files, which takes as long as the network needs.
  const local = opened || navigator.serviceWorker?.controller;
  const most = local ? Number(meta("silence-ms")) * 2 ** restarts : SILENCE_MS_MAX;
  if (ms < Math.min(most, SILENCE_MS_MAX)) return;
  worker.terminate();
  keep(RESTARTS, restarts + 1);
  if (beginning.code) history.replaceState(null, "", `#${encodeURIComponent(beginning.code)}`);
  location.reload();
}

function fail() {
  begin.need("reload");
}

// A door that was open before goes on by itself; else a tap is needed, for the camera and the sound.
async function becomeReady() {
  keep(RESTARTS, 0);
  if (opened || (await mayUseCamera())) open();
  else begin.ready();
}

async function mayUseCamera() {
  if (camera.choice === OFF) return true;
  try {
    return (await navigator.permissions.query({ name: "camera" })).state === "granted";
  } catch {
    return false; // This browser does not tell.
  }
}

function open() {
  begin.close();
  if (opened) return;
  opened = true;
  startScreen(kiosk);
  panel = new PhonePanel(camera, facts);
  camera.begin();
  const onSeen = (seen) => kiosk.send({ type: "seen", ...seen });
  eye = new Eye(video, camera, { onSeen, onHint: change, onFailed: fail });
  device.keepOn();
  device.persist();
  updates.begin();
  setInterval(report, REPORT_MS);
  report();
}

function report() {
  kiosk.send({
    type: "device",
    battery: device.battery,
    camera: camera.state,
    frames_per_second: eye.count() / (REPORT_MS / 1000),
  });
}

function again() {
  begin.starting();
  kiosk.send(beginning);
}

// A hand scanner without a keyboard of its own types only into a field. This one opens no keyboard on
// the screen.
function holdFocus() {
  const free = document.activeElement === document.body || document.activeElement === null;
  if (!at("wedge").hidden && free && !begin.isOpen) at("wedge").focus({ preventScroll: true });
}

function turnLanguage() {
  turnLanguages();
  keep("language", languagesOf()[0].language);
  begin.paint();
}

function liked() {
  const known = languagesOf().map(({ language }) => language);
  return navigator.languages.map((tag) => tag.split("-")[0]).find((tag) => known.includes(tag));
}

startWith(recall("language") ?? liked());
const restarts = Number(recall(RESTARTS));
begin.starting(restarts > 0);
at("begin-language").addEventListener("click", turnLanguage);
at("lost-reload").addEventListener("click", () => location.reload());
// The code of an enrolment is used once, and stays in no history.
const beginning = { type: "start", files, code: decodeURIComponent(location.hash.slice(1)) || undefined };
history.replaceState(null, "", location.pathname + location.search);
if (!isSecureContext) begin.need("secure");
else {
  worker = new Worker(`${files}worker.mjs`, { type: "module" });
  worker.addEventListener("error", fail);
  kiosk = new PhoneKiosk(worker, video, hear, fields, judgeSilence);
  device.persist(); // The worker asks for the result once it has loaded.
  kiosk.send(beginning);
  document.addEventListener("visibilitychange", () => kiosk.send({ type: "hidden", hidden: document.hidden }));
  setInterval(holdFocus, 500);
}
// Another enrolment's code was opened in this tab.
addEventListener("hashchange", () => location.reload());
// The screen's own button changes the language, too.
new MutationObserver(change).observe(document.documentElement, { attributeFilter: ["lang"] });

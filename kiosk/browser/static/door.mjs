// The page of a phone that is a door: the kiosk's own screen, with the phone's camera as its eye and
// the door itself in a worker.

import { Begin } from "./begin.mjs";
import { Camera, OFF } from "./camera.mjs";
import { Device } from "./device.mjs";
import { Eye } from "./eye.mjs";
import { keep, recall } from "./memory.mjs";
import { PhonePanel } from "./panel.mjs";
import { PhoneKiosk } from "./phone_kiosk.mjs";
import * as starts from "./restart.mjs";
import { languagesOf, say, startWith, turnLanguages } from "./screen/shared/words.js";
import { start as startScreen } from "./screen/steward/screen.js";
import { Updates } from "./updates.mjs";

const REPORT_MS = 10_000;
const FETCHING = 4; // times the patience with a silent worker
const PROBE_EACH_MS = 10_000;
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
let probing = false; // whether the server answers
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
  if (message.type === "progress") progress(message);
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

function progress({ done, of }) {
  if (begin.isBad) begin.starting(starts.restarts > 0); // What it needed is there now.
  begin.progress(done, of);
}

// Ends a worker that has stopped, and opens the page again.
async function judgeSilence(ms) {
  if (worker === null || probing || ms < starts.patienceMs()) return;
  probing = true;
  setTimeout(() => { probing = false; }, PROBE_EACH_MS);
  // At the first start the worker fetches its files, as slowly as the network is.
  const fetching = kiosk.heard && !opened && !(await starts.isKept());
  const patient = fetching && ms < starts.patienceMs(FETCHING) && (await starts.serverAnswers());
  if (!patient && kiosk.silentMs >= ms) restart();
}

function restart(failed = false) {
  worker?.terminate();
  worker = null;
  starts.restart({ failed, code: beginning.code, onWait: () => begin.need("files") });
}

function fail() {
  if (opened) begin.need("reload");
  else restart(true);
}

// A door that was open before goes on by itself; else a tap is needed, for the camera and the sound.
async function becomeReady() {
  starts.succeed();
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
    camera_fault: words(camera.why).en ?? "",
    frames_per_second: eye.count() / (REPORT_MS / 1000),
  });
}

function again() {
  begin.starting();
  if (worker) kiosk.send(beginning);
  else restart();
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
starts.begin();
begin.starting(starts.restarts > 0);
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

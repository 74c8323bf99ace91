// The steward's page. It shows the kiosk's answers as they come, and never asks for anything.
// `start(kiosk)` is called once. `kiosk` has `follow`, `ask` and `watchPicture`, as shared/kiosk.js.

import { fitAnswer, paintAnswer, paintIdle, paintLast, paintLost, part, shape, spoken, TONES, turnAnswer } from "../answer/answer.js";
import { fitProgramme } from "../answer/programme.js";
import { play, soundWaits, turnSound, wakeSound } from "../answer/sound.js";
import { ANSWER_MS, nameIn, put, say, shown as languages, startWith, turnLanguages } from "../shared/words.js";
import { Panel } from "../supervisor/panel.js";
import { HandScanner } from "./scanner.js";
import { paintLink, paintScanner, paintStatus, paintUnknown } from "./status.js";

const NOTICE_MS = 8000;
// What is said of a scan that was refused before anything was decided, by the error's code.
const REFUSED = { scanner_layout: "scanner_wrong", scanner_stuck: "scanner_stuck" };
const at = (id) => document.getElementById(id);

let sound = recall("sound") !== "off";
let state = null;
let shown = null; // The answer on the screen.
let until = 0; // When it goes, by performance.now().
let newest = 0; // The number of the newest answer that was seen.
let offset = 0; // The kiosk's clock minus this browser's.
let picture = false;
let linked = null;
let shownTimer = 0;
let noticeTimer = 0;
let passing = ""; // The key of a notice of this page's own.
let scanned = recall("scanner") === "used"; // A hand scanner has read a code here.
let repaired = false; // A scanner with a wrong layout was read all the same.

let kiosk = null;
let panel = null;

function recall(name) {
  try { return localStorage.getItem(`hallkeeper-${name}`); } catch { return null; }
}

function keep(name, value) {
  try { localStorage.setItem(`hallkeeper-${name}`, value); } catch { /* then only for now */ }
}

function onState(told) {
  offset = told.now - Date.now();
  if (told.status.resting && !state?.status.resting) shown = null;
  if (told.status.roll_call !== (state?.status.roll_call ?? "")) shown = null;
  // Nobody must walk in on the answer that was for the person before.
  if (told.status.asking) shown = null;
  // The last scan got words in place of an answer.
  if (told.status.unanswered !== state?.status.unanswered) shown = null;
  state = told;
  const answer = told.answers[0];
  if (answer && answer.number > newest) {
    newest = answer.number;
    const forMs = ANSWER_MS - answer.age_ms;
    const over = answer.at < (told.status.shift?.ended_at ?? 0); // The door has closed since.
    if (forMs > 0 && !over) show(answer, forMs);
  }
  paint();
}

function show(answer, forMs) {
  shown = answer;
  until = performance.now() + forMs;
  clearTimeout(shownTimer);
  shownTimer = setTimeout(() => { shown = null; paintFace(); }, forMs);
  passing = "";
  showHelp(false);
  paintAnswer(answer, state.status);
  fitAnswer();
  turnAnswer();
  at("dwell").style.setProperty("--dwell", `${forMs}ms`);
  tick();
  put(at("spoken"), spoken(answer, state.status));
  play(answer.tone);
}

function paintFace() {
  at("dwell").hidden = !shown;
  if (!shown) paintIdle(state?.status, scanned); // An answer was painted when it came.
  if (!shown) fitAnswer();
  fitProgramme();
  paintOverrule();
}

// Shows the supervisor's shortest way beside a denial.
function paintOverrule() {
  const chance = state?.status.can_override;
  const here = shown && chance && shown.seq === chance.seq && state.status.supervisors?.length > 0;
  at("overrule").hidden = !here;
  if (here) put(at("overrule-words"), say("override_short"));
}

function paint() {
  paintFace();
  if (linked === false) paintUnknown();
  else if (state) {
    paintStatus(state.status, Date.now() + offset);
    paintLast(state.answers, state.status);
    panel.onStatus(state.status);
  }
  paintPicture();
  paintNotice();
  paintTools();
}

function paintPicture() {
  const status = state?.status;
  const live = picture && (!status || status.camera === "live");
  const notice = live ? nameIn(status?.notice) : "";
  const said = !status || status.camera === "none" || status.camera === "starting";
  at("picture-words").hidden = live ? !notice : said;
  at("picture-words").dataset.kind = live ? "notice" : "lost";
  if (notice) put(at("picture-words"), notice);
  at("picture").hidden = !picture;
  at("camera").dataset.live = String(live);
  at("camera").dataset.camera = status?.camera ?? "starting";
  at("camera").setAttribute("aria-label", say(`camera_${status?.camera ?? "starting"}`));
}

function paintNotice() {
  const status = state?.status;
  let text = "";
  if (passing) text = say(passing);
  else if (status?.retired) text = say("retired");
  else if (nameIn(status?.refused)) text = say("refused", { why: nameIn(status.refused) });
  else if (status) text = nameIn(status.trouble);
  put(at("notice"), text);
}

function notice(key) {
  passing = key;
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => { passing = ""; paintNotice(); }, NOTICE_MS);
  paintNotice();
}

function paintTools() {
  const other = languages.second;
  at("language").hidden = !other;
  if (other) put(at("language"), other.name, other);
  const waits = sound && soundWaits();
  const words = say(waits ? "sound_waits" : sound ? "sound_on" : "sound_off");
  put(at("sound-words"), words);
  at("sound").setAttribute("aria-label", words);
  at("sound").title = waits ? say("sound_waits_why") : words;
  at("sound-shape").setAttribute("href", sound && !waits ? "#shape-sound" : "#shape-silence");
  at("sound").dataset.level = waits ? "look" : "";
  at("sound").setAttribute("aria-pressed", String(sound));
  paintScanner(repaired);
}

function paintWords() {
  document.documentElement.lang = languages.first.tag;
  document.documentElement.dir = languages.first.dir;
  for (const element of document.querySelectorAll("[data-say]")) put(element, say(element.dataset.say));
  paintHelp();
  paintLost();
  if (shown) paintAnswer(shown, state.status);
  tick();
  fitAnswer();
  panel.paint();
  paint();
}

function paintHelp() {
  const test = at("camera-page"); // A phone has none.
  if (test) test.href = `/camera?language=${languages.first.language}`;
  const halted = at("phone") ? ["halted"] : []; // Kiosks keep what they have recorded.
  const rows = [...TONES, "asking", "resting", ...halted, "rolling"].flatMap((tone) => {
    const term = document.createElement("dt");
    term.dataset.tone = tone;
    term.append(shape(tone));
    return [term, part("dd", say(`help_${tone}`))];
  });
  at("help-list").replaceChildren(...rows);
  at("help-more").replaceChildren(...["help_keys", "help_scanner"].map((key) => part("li", say(key))));
}

function showHelp(open) {
  if (at("help-text").hidden === !open) return;
  at("help-text").hidden = !open;
  at("help").setAttribute("aria-expanded", String(open));
  if (open) panel.close();
}

function onLink(up) {
  linked = up;
  at("lost").hidden = up;
  document.body.dataset.link = up ? "up" : "lost";
  if (up) return;
  paintUnknown();
  shown = null; // What stood there may be long past.
  clearTimeout(shownTimer);
  paintFace();
}

async function turnDirection() {
  if (state?.status.mode !== "both") return;
  const direction = state.status.direction === "exit" ? "entry" : "exit";
  if (!(await kiosk.ask("/direction", { direction })).ok) notice("not_turned");
}

function turnLanguage() {
  turnLanguages();
  keep("language", languages.first.language);
  paintWords();
}

function toggleSound() {
  sound = !sound;
  keep("sound", sound ? "on" : "off");
  turnSound(sound);
  wakeSound();
  paintTools();
  play("admit");
}

function togglePanel(view = "menu") {
  showHelp(false);
  if (panel.isOpen && view === "menu") panel.close();
  else panel.open(view);
}

const acts = {
  F1: () => showHelp(at("help-text").hidden),
  F2: turnLanguage,
  F4: toggleSound,
  F8: turnDirection,
  F9: () => togglePanel(),
  Escape: () => { if (at("help-text").hidden) panel.back(); else showHelp(false); },
};

function listen() {
  addEventListener("keydown", (event) => {
    wakeSound();
    if (event.ctrlKey || event.altKey || event.metaKey || !Object.hasOwn(acts, event.key)) return;
    if (event.isComposing) return;
    event.preventDefault();
    if (!event.repeat) acts[event.key]();
  }, true);
  addEventListener("pointerdown", wakeSound);
  const keys = { help: "F1", language: "F2", sound: "F4", direction: "F8", supervisor: "F9", "help-close": "F1" };
  for (const [id, key] of Object.entries(keys)) {
    at(id).addEventListener("click", () => acts[key]());
  }
  at("overrule").addEventListener("click", () => togglePanel("override"));
}

function tick() {
  const seconds = Math.max(0, Math.ceil((until - performance.now()) / 1000));
  if (shown) put(at("dwell-seconds"), say("second", { n: seconds }));
}

async function onScanned(text, keys) {
  scanned = true;
  keep("scanner", "used");
  const answer = await kiosk.ask("/text", { text, keys });
  if (answer.status === 200) repaired = true;
  if (answer.status === 204 && text.startsWith("HK")) repaired = false;
  if (!answer.ok) notice(REFUSED[answer.data.error?.code] ?? "not_taken");
  paintScanner(repaired);
}

export function start(own) {
  kiosk = own;
  panel = new Panel(kiosk.ask, () => Date.now() + offset, at("supervisor"));
  if (!new URLSearchParams(location.search).has("languages")) startWith(recall("language"));
  turnSound(sound);
  wakeSound();
  listen();
  paintWords();
  new HandScanner(onScanned);
  kiosk.follow(onState, onLink);
  kiosk.watchPicture(at("picture"), (there) => {
    if (there === picture) return;
    picture = there;
    paint();
  });
  // The screen changes its size, or the panel opens beside it.
  new ResizeObserver(() => { fitAnswer(); fitProgramme(); }).observe(at("main"));
  setInterval(tick, 200);
  setInterval(() => {
    paintTools();
    panel.tick();
    paintOverrule();
    if (state && linked) paintLink(state.status, Date.now() + offset);
  }, 1000);
}

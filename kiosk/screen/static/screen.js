// The steward's page: shows the kiosk's answers as they come, and never asks for anything.

import { paintAnswer, paintIdle, paintLast, spoken, TONES } from "./answer.js";
import { Feed, send, watchPicture } from "./kiosk.js";
import { HandScanner } from "./scanner.js";
import { play, soundWaits, turnSound, wakeSound } from "./sound.js";
import { paintLink, paintLost, paintStatus } from "./status.js";
import { LANGUAGES, say, TAGS } from "./words.js";

const SHOWN_MS = 5000; // how long an answer stays when nobody else comes
const NOTICE_MS = 5000;
const at = (id) => document.getElementById(id);

let language = firstLanguage();
let sound = recall("sound") !== "off";
let state = null;
let shown = null; // the answer on the screen
let newest = 0; // the number of the newest answer that was seen
let offset = 0; // the kiosk's clock minus this browser's
let picture = false;
let linked = null;
let shownTimer = 0;
let noticeTimer = 0;
let passing = ""; // a notice of this page's own, a key of words.js

function firstLanguage() {
  const wish = recall("language") || document.querySelector('meta[name="hallkeeper-language"]').content;
  if (LANGUAGES.includes(wish)) return wish;
  return navigator.language?.startsWith("zh") ? "zh" : "en";
}

function recall(name) {
  try { return localStorage.getItem(`hallkeeper-${name}`); } catch { return null; }
}

function keep(name, value) {
  try { localStorage.setItem(`hallkeeper-${name}`, value); } catch { /* then only for now */ }
}

function onState(told) {
  offset = told.now - Date.now();
  state = told;
  const answer = told.answers[0];
  if (answer && answer.number > newest) {
    newest = answer.number;
    const left = SHOWN_MS - (told.now - answer.at);
    if (left > 0) show(answer, Math.min(left, SHOWN_MS));
  }
  paint();
}

function show(answer, forMs) {
  shown = answer;
  clearTimeout(shownTimer);
  shownTimer = setTimeout(() => { shown = null; paintFace(); }, forMs);
  passing = "";
  showHelp(false);
  paintAnswer(language, answer, state.status);
  at("spoken").textContent = spoken(language, answer);
  play(answer.tone);
}

function paintFace() {
  if (shown) return; // painted when it came
  paintIdle(language, state?.status, picture);
}

function paint() {
  paintFace();
  if (state) {
    paintStatus(language, state.status, Date.now() + offset);
    if (linked === false) paintLost(language);
    paintLast(language, state.answers, state.status);
  }
  paintPicture();
  paintNotice();
  paintTools();
}

function paintPicture() {
  const live = picture && (!state || state.status.camera === "live");
  at("picture-words").hidden = live || !state;
  at("picture").hidden = !picture;
}

function paintNotice() {
  const status = state?.status;
  let text = "";
  if (status?.retired) text = say(language, "retired");
  else if (status?.refused) text = say(language, "refused", { why: status.refused });
  if (passing) text = say(language, passing);
  if (at("notice").textContent !== text) at("notice").textContent = text;
}

function notice(key) {
  passing = key;
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => { passing = ""; paintNotice(); }, NOTICE_MS);
  paintNotice();
}

function paintTools() {
  at("language").textContent = say(language, "other_language");
  at("language").lang = language === "zh" ? "en" : "zh-CN";
  const waits = sound && soundWaits();
  const words = say(language, waits ? "sound_waits" : sound ? "sound_on" : "sound_off");
  at("sound-words").textContent = words;
  at("sound").setAttribute("aria-label", words);
  at("sound").title = waits ? say(language, "sound_waits_why") : words;
  at("sound-shape").setAttribute("href", sound && !waits ? "#shape-sound" : "#shape-silence");
  at("sound").dataset.level = waits ? "look" : "";
  at("sound").setAttribute("aria-pressed", String(sound));
}

function paintWords() {
  document.documentElement.lang = TAGS[language];
  for (const element of document.querySelectorAll("[data-say]")) {
    element.textContent = say(language, element.dataset.say);
  }
  paintHelp();
  if (shown) paintAnswer(language, shown, state.status);
  paint();
}

function paintHelp() {
  const rows = TONES.flatMap((tone) => {
    const term = document.createElement("dt");
    const svg = document.querySelector("main .shape").cloneNode(true);
    svg.firstElementChild.removeAttribute("id");
    svg.firstElementChild.setAttribute("href", `#shape-${tone}`);
    term.dataset.tone = tone;
    term.append(svg);
    const words = document.createElement("dd");
    words.textContent = say(language, `help_${tone}`);
    return [term, words];
  });
  for (const key of ["help_keys", "help_scanner"]) {
    const words = document.createElement("dd");
    words.className = "wide";
    words.textContent = say(language, key);
    rows.push(words);
  }
  at("help-list").replaceChildren(...rows);
}

function showHelp(open) {
  at("help-text").hidden = !open;
  at("help").setAttribute("aria-expanded", String(open));
}

function onLink(up) {
  linked = up;
  at("lost").hidden = up;
  document.body.dataset.link = up ? "up" : "lost";
  if (up) return;
  paintLost(language);
  shown = null; // what stood there may be long past
  clearTimeout(shownTimer);
  paintFace();
}

const acts = {
  F1: () => showHelp(at("help-text").hidden),
  F2: () => {
    language = language === "en" ? "zh" : "en";
    keep("language", language);
    paintWords();
  },
  F4: () => {
    sound = !sound;
    keep("sound", sound ? "on" : "off");
    turnSound(sound);
    wakeSound();
    paintTools();
    play("admit");
  },
  F8: async () => {
    if (state?.status.mode !== "both") return;
    const direction = state.status.direction === "exit" ? "entry" : "exit";
    if (!(await send("/direction", { direction }))) notice("not_turned");
  },
};

function listen() {
  addEventListener("keydown", (event) => {
    wakeSound();
    if (event.key === "Escape") showHelp(false);
    if (event.ctrlKey || event.altKey || event.metaKey || !Object.hasOwn(acts, event.key)) return;
    event.preventDefault();
    if (!event.repeat) acts[event.key]();
  }, true);
  addEventListener("pointerdown", wakeSound);
  const keys = { help: "F1", language: "F2", sound: "F4", direction: "F8" };
  for (const [id, key] of Object.entries(keys)) {
    at(id).addEventListener("click", () => acts[key]());
  }
}

turnSound(sound);
wakeSound();
listen();
paintWords();
new HandScanner(async (text) => {
  if (!(await send("/text", { text }))) notice("not_taken");
});
new Feed(onState, onLink);
watchPicture(at("picture"), (there) => {
  if (there === picture) return;
  picture = there;
  paint();
});
setInterval(() => {
  paintTools();
  if (state && linked) paintLink(language, state.status, Date.now() + offset);
}, 1000);

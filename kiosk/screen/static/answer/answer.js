// Paints one answer, or the invitation to show a badge. Texts are put in only by textContent.

import { paintProgramme } from "./programme.js";
import { placesWords } from "../shared/places.js";
import { clock, nameIn, put, putSentence, say, shown, wideness } from "../shared/words.js";

export const TONES = ["admit", "look", "same", "deny", "elsewhere", "goodbye", "seen"];
const ONE_LINE = 10; // The most letters of a huge word in one line.
const WIDE = 8; // In ems.
const at = (id) => document.getElementById(id);

// The reason and the next step that stand there while there is no answer.
const STANDING = {
  asking: ["asking_reason", "asking_next"], // The answer waits for other doors, or for the server.
  halted: ["not_here", "halted_next"], // A phone that must not admit offline.
  rolling: ["rolling_reason", "rolling_next"], // The kiosk stands at an assembly point.
  resting: ["not_here", "resting_next"],
};
// The word and the reason of an idle door, by the state of its camera.
const IDLE = {
  live: ["idle", "idle_reason"],
  none: ["idle", "idle_no_camera"],
  starting: ["camera_starting", "asking"],
  lost: ["camera_lost", "idle_lost"],
  ended: ["camera_ended", "idle_lost"],
};

// `scanner` is whether a hand scanner was used here, which works without the camera, too.
export function paintIdle(status, scanner) {
  const tone = standing(status);
  let [reason, next] = STANDING[tone] ?? [];
  let word = tone;
  if (tone === "idle") [word, reason] = IDLE[status?.camera ?? "starting"];
  if (reason === "idle_lost" && scanner) reason = "idle_no_camera";
  if (word === "camera_starting" && scanner) next = "idle_no_camera";
  if (tone === "asking" && !status.online) reason = "asking_server";
  at("main").dataset.tone = tone;
  at("shape").setAttribute("href", `#shape-${tone}`);
  paintWords((language) => ({
    word: say(word, {}, language),
    reason: say(reason, {}, language),
    next_step: next ? say(next, { point: status?.roll_call ?? "" }, language) : "",
  }));
  for (const id of ["answer-direction", "answer-time", "answer-counts", "answer-by"]) put(at(id), "");
  const counts = { rolling: ["seen"], resting: ["admitted", "denied", "exits", "overrides"] }[tone];
  if (counts && status.shift) {
    put(at("answer-counts"), counts.map((key) => say(key, { n: status.shift[key] })).join(" · "));
  }
  at("holder").hidden = true;
  paintProgramme(tone === "idle" ? status : null);
}

// Returns what the door does while no answer is shown.
export function standing(status) {
  if (status?.asking) return "asking";
  if (status?.roll_call) return "rolling";
  if (status?.resting) return "resting";
  return status?.promise === "none" && !status.online ? "halted" : "idle";
}

export function paintAnswer(answer, status) {
  const main = at("main");
  main.dataset.tone = toneOf(answer);
  paintProgramme(null);
  at("shape").setAttribute("href", `#shape-${toneOf(answer)}`);
  paintWords((language) => wordsIn(answer, language));
  paintHolder(answer);
  paintSpeaks(answer, status);
  put(at("answer-direction"), toneOf(answer) === "seen" ? "" : say(answer.direction === "exit" ? "exit" : "entry"));
  put(at("answer-time"), clock(answer.at, status.time_zone, true));
  put(at("answer-counts"), "");
  put(at("answer-by"), answer.by && answer.act === "scan" ? say("by", { name: answer.by }) : "");
}

// How much is shown, and how large. A phone leaves out the time, then the second language, before it all
// gets small.
const FITS = [
  ["all", 1], ["all", 0.94], ["all", 0.88], ["all", 0.82], ["lean", 0.88], ["lean", 0.82], ["lean", 0.76],
  ["few", 0.94], ["few", 0.88], ["few", 0.82], ["few", 0.76], ["few", 0.7], ["few", 0.64], ["few", 0.58],
];

// Makes everything a little smaller, where a long name and a long reason come together.
export function fitAnswer() {
  const box = at("answer");
  for (const [detail, size] of FITS) {
    box.dataset.detail = detail;
    box.style.setProperty("--fit", size);
    if (box.scrollHeight <= box.clientHeight && box.scrollWidth <= box.clientWidth) return;
  }
}

// Makes the animations start again for a new answer.
export function turnAnswer() {
  const main = at("main");
  main.dataset.turn = main.dataset.turn === "0" ? "1" : "0";
}

export function paintLost() {
  const { first, second } = shown;
  for (const [id, key] of [["word", "lost"], ["reason", "not_here"], ["next", "lost_next"]]) {
    putSentence(at(`lost-${id}`), say(key, {}, first), first);
    putSentence(at(`lost-${id}-2`), second ? say(key, {}, second) : "", second ?? first);
  }
  at("lost-word").parentElement.style.setProperty("--ems", ems(say("lost")));
}

// Says the same to those who hear the page.
export function spoken(answer, status) {
  const words = wordsIn(answer, shown.first);
  const speaks = speaksWords(answer, status, shown.first);
  const who = [speaks, answer.holder?.name, nameIn(answer.category?.names)];
  return [words.word, words.reason, words.next_step, ...who, placesWords(status)].filter(Boolean).join(". ");
}

export function paintLast(answers, status) {
  const rows = answers.map((answer) => {
    const row = document.createElement("li");
    row.dataset.tone = toneOf(answer);
    row.append(shape(toneOf(answer)), part("b", shortName(answer)));
    const words = wordsIn(answer, shown.first);
    row.append(part("span", words.word), part("time", clock(answer.at, status.time_zone)));
    row.title = [words.word, words.reason].join(": ");
    return row;
  });
  if (rows.length === 0) rows.push(part("li", say("no_scans")));
  at("last").replaceChildren(...rows);
}

function paintWords(wordsOf) {
  const first = wordsOf(shown.first);
  const second = shown.second ? wordsOf(shown.second) : { word: "", reason: "", next_step: "" };
  const wide = widest(first.word);
  const { dataset, style } = at("word").parentElement;
  dataset.lines = wide < ems(first.word) ? "2" : "1";
  // The second language stands beside it, or below a wide word.
  const both = wide + (second.word ? 0.36 * ems(second.word) + 0.4 : 0);
  style.setProperty("--ems", both > WIDE ? wide : both);
  style.setProperty("--ems-first", wide);
  for (const [id, name] of [["word", "word"], ["reason", "reason"], ["next", "next_step"]]) {
    fit(at(id), first[name], shown.first, putSentence);
    // A text that is the same in both languages, such as a session's title, is shown once.
    const again = second[name] === first[name] ? "" : second[name];
    fit(at(`${id}-2`), again, shown.second ?? shown.first, putSentence);
  }
}

function paintHolder(answer) {
  const { holder, category, badge } = answer;
  // A door's own fault is none of the holder's, but a speaker is still announced.
  at("holder").hidden = badge === null || (toneOf(answer) === "elsewhere" && !answer.speaks);
  if (badge === null) return;
  const number = say("badge", { n: badge });
  fit(at("name"), holder?.name || number);
  put(at("badge"), holder?.name ? number : "");
  put(at("organisation"), [holder?.organisation, holder?.country].filter(Boolean).join(" · "));
  at("category").hidden = !category;
  if (category) paintCategory(at("category"), category);
}

// A speaker who comes to where they speak is greeted as one.
function paintSpeaks(answer, status) {
  at("speaks").hidden = !answer.speaks || answer.badge === null;
  const { first, second } = shown;
  put(at("speaks-1"), speaksWords(answer, status, first), first);
  put(at("speaks-2"), second ? speaksWords(answer, status, second) : "", second ?? first);
}

const SPEAKS = {
  keynote: "speaks_keynote",
  moderator: "speaks_moderator",
  panellist: "speaks_panellist",
};

function speaksWords(answer, status, language) {
  if (!answer.speaks) return "";
  const time = clock(answer.speaks.at, status.time_zone);
  return say(SPEAKS[answer.speaks.role] ?? "speaks_speaker", { time }, language);
}

// Paints a category in its colour. `element` has a <b> for its letter and a <span> for its name.
export function paintCategory(element, category) {
  element.querySelector("b").textContent = category.letter;
  const names = [shown.first, shown.second].filter(Boolean).map((l) => nameIn(category.names, l));
  element.querySelector("span").textContent = [...new Set(names)].join(" · ");
  const colour = /^#[0-9a-f]{6}$/i.test(category.colour) ? category.colour : "#444444";
  element.style.setProperty("--category", colour);
  element.style.setProperty("--on-category", textOn(colour));
}

function wordsIn(answer, language) {
  const none = { word: toneOf(answer).toUpperCase(), reason: "", next_step: "" };
  return answer.words[language.language] ?? answer.words.en ?? none;
}

function toneOf(answer) {
  return TONES.includes(answer.tone) ? answer.tone : "deny";
}

function shortName(answer) {
  if (answer.badge === null) return wordsIn(answer, shown.first).reason;
  return answer.holder?.name || say("badge", { n: answer.badge });
}

// Returns black or white, whichever contrasts more (WCAG's relative luminance).
function textOn(colour) {
  const [red, green, blue] = [1, 3, 5].map((from) => {
    const part = parseInt(colour.slice(from, from + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#000000" : "#ffffff";
}

// Returns how many ems wide a heavy word is, so that it can be as large as the screen allows.
function ems(word) {
  let sum = 0;
  for (const char of word) sum += char.codePointAt(0) >= 0x1100 ? 1.02 : 0.76;
  return Math.max(2, sum);
}

// Returns the width of the wider line, if the words are many enough for two lines.
function widest(text) {
  const parts = text.length > ONE_LINE ? text.split(" ") : [];
  const halves = parts.slice(1).map((_, at) => [parts.slice(0, at + 1), parts.slice(at + 1)]);
  return Math.min(ems(text), ...halves.map((lines) => Math.max(...lines.map((line) => ems(line.join(" "))))));
}

function fit(element, text, language = shown.first, way = put) {
  way(element, text, language);
  const wide = wideness(text);
  element.dataset.length = wide > 60 ? "huge" : wide > 44 ? "long" : wide > 24 ? "medium" : "short";
}

export function part(tag, text) {
  const element = document.createElement(tag);
  element.dir = "auto";
  element.textContent = text;
  return element;
}

export function shape(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#shape-${name}`);
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

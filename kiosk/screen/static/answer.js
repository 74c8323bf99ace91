// Paints one answer, or the invitation to show a badge. Texts go in by textContent alone.

import { clock, nameIn, say } from "./words.js";

export const TONES = ["admit", "look", "deny", "goodbye"];
const at = (id) => document.getElementById(id);

export function paintIdle(language, status, picture) {
  const main = at("main");
  main.dataset.tone = "idle";
  at("shape").setAttribute("href", "#shape-idle");
  setText("word", say(language, "idle"));
  at("word").style.setProperty("--ems", 6); // wraps
  const camera = picture && status?.camera === "live";
  setText("reason", say(language, camera ? "idle_reason" : "idle_no_camera"));
  for (const id of ["next", "answer-direction", "answer-time", "answer-free"]) setText(id, "");
  at("holder").hidden = true;
}

export function paintAnswer(language, answer, status) {
  const words = wordsIn(language, answer);
  const main = at("main");
  main.dataset.tone = toneOf(answer);
  main.dataset.turn = main.dataset.turn === "0" ? "1" : "0"; // starts the animations again
  at("shape").setAttribute("href", `#shape-${toneOf(answer)}`);
  setText("word", words.word);
  at("word").style.setProperty("--ems", ems(words.word));
  setText("reason", words.reason);
  setText("next", words.next_step);
  paintHolder(language, answer);
  setText("answer-direction", say(language, answer.direction === "exit" ? "exit" : "entry"));
  setText("answer-time", clock(answer.at, status.time_zone, true));
  setText("answer-free", say(language, "answer_free", { n: answer.free_places }));
}

// The same, for those who hear the page.
export function spoken(language, answer) {
  const words = wordsIn(language, answer);
  const who = [answer.holder?.name, nameIn(language, answer.category?.names)];
  const free = say(language, "answer_free", { n: answer.free_places });
  return [words.word, words.reason, words.next_step, ...who, free].filter(Boolean).join(". ");
}

export function paintLast(language, answers, status) {
  const rows = answers.map((answer) => {
    const row = document.createElement("li");
    row.dataset.tone = toneOf(answer);
    row.append(shape(toneOf(answer)), part("b", shortName(language, answer)));
    const words = wordsIn(language, answer);
    row.append(part("span", words.word), part("time", clock(answer.at, status.time_zone)));
    return row;
  });
  if (rows.length === 0) rows.push(part("li", say(language, "no_scans")));
  at("last").replaceChildren(...rows);
}

function paintHolder(language, answer) {
  const { holder, category, badge } = answer;
  at("holder").hidden = badge === null;
  if (badge === null) return;
  const number = say(language, "badge", { n: badge });
  setText("name", holder?.name || number);
  setText("badge", holder?.name ? number : "");
  setText("organisation", [holder?.organisation, holder?.country].filter(Boolean).join(" · "));
  at("category").hidden = !category;
  if (!category) return;
  setText("category-letter", category.letter);
  setText("category-name", nameIn(language, category.names));
  const colour = /^#[0-9a-f]{6}$/i.test(category.colour) ? category.colour : "#444444";
  at("category").style.setProperty("--category", colour);
  at("category").style.setProperty("--on-category", textOn(colour));
}

function wordsIn(language, answer) {
  const none = { word: toneOf(answer).toUpperCase(), reason: "", next_step: "" };
  return answer.words[language] ?? answer.words.en ?? none;
}

function toneOf(answer) {
  return TONES.includes(answer.tone) ? answer.tone : "deny";
}

function shortName(language, answer) {
  if (answer.badge === null) return say(language, "no_badge");
  return answer.holder?.name || say(language, "no_name", { n: answer.badge });
}

// Black or white, whichever contrasts more (WCAG's relative luminance).
function textOn(colour) {
  const [red, green, blue] = [1, 3, 5].map((from) => {
    const part = parseInt(colour.slice(from, from + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#000000" : "#ffffff";
}

// Han and other wide characters take twice the room of Latin ones.
function width(text) {
  let sum = 0;
  for (const char of text) sum += char.codePointAt(0) >= 0x1100 ? 2 : 1;
  return sum;
}

// How many ems wide a heavy word is, so that it can be as large as the screen allows.
function ems(word) {
  let sum = 0;
  for (const char of word) sum += char.codePointAt(0) >= 0x1100 ? 1.02 : 0.74;
  return Math.max(2, sum);
}

function setText(id, text) {
  const element = at(id);
  if (element.textContent !== text) element.textContent = text;
  const wide = width(text);
  element.dataset.length = wide > 44 ? "long" : wide > 24 ? "medium" : "short";
}

function part(tag, text) {
  const element = document.createElement(tag);
  element.dir = "auto";
  element.textContent = text;
  return element;
}

function shape(tone) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#shape-${tone}`);
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

// Holds the page's words in every language that the page was served with. Answers bring their own
// words from the kiosk.

const meta = (name) => document.querySelector(`meta[name="hallkeeper-${name}"]`).content;
const all = JSON.parse(meta("languages")); // [{language, tag, dir, name, words}, …]

export const ANSWER_MS = Number(meta("answer-ms"));

const HAN = /[\u2e80-\u9fff]/;
const CLAUSES = /(?<=[\u3001\u3002\uff01\uff0c\uff1a\uff1b\uff1f])/; // after punctuation
const segmenter = globalThis.Intl?.Segmenter && new Intl.Segmenter("zh", { granularity: "word" });

// The languages that are shown, the first one large and the second one beside it.
export const shown = { first: all[0], second: all[1] ?? null };

export function startWith(language) {
  const at = all.findIndex((one) => one.language === language);
  if (at > 0) all.unshift(...all.splice(at));
  shown.first = all[0];
  shown.second = all[1] ?? null;
}

// All languages of the page, the first one shown first.
export const languagesOf = () => [...all];

// Puts the next language first.
export function turnLanguages() {
  if (all.length > 1) startWith(all[1].language);
}

// A text with a count has a form for each plural category of the language, and takes it by `n`.
export function say(key, values = {}, language = shown.first) {
  const found = language.words[key] ?? key;
  const text = typeof found === "string" ? found : found[plural(values.n, language)] ?? found.other;
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

function plural(n, language) {
  try {
    return new Intl.PluralRules(language.tag).select(n);
  } catch {
    return "other"; // A made-up language has no rules.
  }
}

// Returns the text in this language, or else in any. Names come as {"en": …, "zh": …}.
export function nameIn(names, language = shown.first) {
  return names?.[language.language] || names?.en || Object.values(names ?? {})[0] || "";
}

// Puts a text into an element, and says which language it is.
export function put(element, text, language = shown.first) {
  if (element.textContent !== text) element.textContent = text;
  element.lang = language.tag;
}

// As put. Han characters have no spaces, so a browser would break lines within words. The style sheet
// allows breaks between the clauses that this makes, and in a long clause at the <wbr> between words.
export function putSentence(element, text, language = shown.first) {
  if (element.textContent === text || !segmenter || !HAN.test(text)) put(element, text, language);
  else {
    element.replaceChildren(...text.split(CLAUSES).map(clause));
    element.lang = language.tag;
  }
}

function clause(text) {
  const span = Object.assign(document.createElement("span"), { className: "clause" });
  let before = "";
  for (const { segment } of segmenter.segment(text)) {
    // A time, 23:20, has three segments and no Han character.
    if (HAN.test(before + segment)) span.append(document.createElement("wbr"));
    span.append(segment);
    before = segment;
  }
  return span;
}

// Counts the width of a text. Han and other wide characters take twice the room of Latin ones.
export function wideness(text) {
  let sum = 0;
  for (const char of text) sum += char.codePointAt(0) >= 0x1100 ? 2 : 1;
  return sum;
}

export function age(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 60) return say("second", { n: seconds });
  if (seconds < 3600) return say("minute", { n: Math.floor(seconds / 60) });
  if (seconds < 172800) return say("hour", { n: Math.floor(seconds / 3600) });
  return say("day", { n: Math.floor(seconds / 86400) });
}

// Returns the rest of a time as minutes and seconds.
export function left(milliseconds) {
  const seconds = Math.max(0, Math.ceil(milliseconds / 1000));
  if (seconds < 60) return say("second", { n: seconds });
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

// Returns the time of day at the venue, whatever this machine's time zone is.
export function clock(instant, timeZone, withSeconds = false) {
  const shape = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone };
  if (withSeconds) shape.second = "2-digit";
  try {
    return new Intl.DateTimeFormat("en-GB", shape).format(instant);
  } catch {
    return new Intl.DateTimeFormat("en-GB", { ...shape, timeZone: "UTC" }).format(instant);
  }
}

export function cameraWords(state, message) {
  const words = say(`camera_${state}`);
  const told = nameIn(message);
  return told ? say("state_words", { state: words, message: told }) : words;
}

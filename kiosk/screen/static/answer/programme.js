// Paints what goes on in the hall and what comes next, while nobody is at the door.

import { clock, nameIn, put, say, shown } from "../shared/words.js";

const WHEN = { now: "now", next: "next" };
const ROLES = { keynote: "role_keynote", moderator: "role_moderator", panellist: "role_panellist" };
// Ways to show it, from everything, large, to what is needed most. Titles stay readable from afar.
const FITS = [
  ["all", 1], ["all", 0.9], ["some", 1], ["some", 0.9], ["few", 1], ["few", 0.9], ["few", 0.8],
  ["titles", 1], ["titles", 0.9], ["titles", 0.8], ["titles", 0.7], ["least", 0.8], ["least", 0.7],
];
const at = (id) => document.getElementById(id);

let painted = ""; // What stands there now.
let fitted = ""; // The room for which it was fitted.

// Paints nothing where there is no status, because something else fills the page.
export function paintProgramme(status) {
  const sessions = status?.programme ?? [];
  const there = sessions.length > 0;
  at("programme").hidden = !there;
  at("main").dataset.programme = there ? "on" : "off";
  if (!there) return;
  const wanted = JSON.stringify([sessions, status.time_zone, shown.first.language, shown.second?.language]);
  if (wanted === painted) return;
  painted = wanted;
  fitted = "";
  at("programme").setAttribute("aria-label", say("programme"));
  at("programme").replaceChildren(...sessions.map((session) => block(session, status)));
}

// Shows less, and then smaller, until it fits.
export function fitProgramme() {
  const box = at("programme");
  if (box.hidden) return;
  const room = `${box.clientWidth}x${box.clientHeight}`;
  if (room === fitted) return;
  fitted = room;
  for (const [detail, size] of FITS) {
    box.dataset.detail = detail;
    box.style.setProperty("--fit", size);
    if (box.scrollHeight <= box.clientHeight && box.scrollWidth <= box.clientWidth) return;
  }
}

function block(session, status) {
  const article = document.createElement("article");
  article.dataset.when = session.when;
  const head = line("when", "");
  head.append(span("b", say(WHEN[session.when])), span("time", times(session, status)));
  for (const kind of both(session.kind)) head.append(span("i", kind.text, kind.language));
  const [title, other] = both(session.titles);
  article.append(head, line("title", title?.text ?? "", title?.language));
  if (other) article.append(line("title second", other.text, other.language));
  const hosts = session.hosts.map((names) => nameIn(names)).filter(Boolean);
  if (hosts.length) article.append(line("hosts", say("hosted_by", { names: hosts.join(" · ") })));
  const speakers = speakerWords(session);
  if (speakers.length) article.append(speakerList(speakers));
  return article;
}

function speakerWords(session) {
  const told = session.speakers.map(({ name, role }) => {
    const known = ROLES[role];
    return known ? say("role_name", { name, role: say(known) }) : name;
  });
  return session.more > 0 ? [...told, say("more_speakers", { n: session.more })] : told;
}

// Sets each name by itself, so that one in another direction of writing does not turn its neighbours.
function speakerList(speakers) {
  const list = line("speakers", "");
  for (const [place, speaker] of speakers.entries()) {
    if (place > 0) list.append(span("i", " · "));
    list.append(span("bdi", speaker));
  }
  return list;
}

// Says from when to when, with the day where that is not today.
function times(session, status) {
  const [from, to] = [session.starts_at, session.ends_at].map((one) => clock(one, status.time_zone));
  if (session.today) return `${from}–${to}`;
  return `${dayOf(session.starts_at, status.time_zone)} ${from}–${to}`;
}

function dayOf(instant, timeZone) {
  const shape = { weekday: "short", day: "numeric", month: "short", timeZone };
  try {
    return new Intl.DateTimeFormat(shown.first.tag, shape).format(instant);
  } catch {
    return new Intl.DateTimeFormat("en-GB", { ...shape, timeZone: "UTC" }).format(instant);
  }
}

// Returns a text in both languages that are shown. One that is the same in both is said once.
function both(names) {
  const found = [shown.first, shown.second].filter(Boolean)
    .map((language) => ({ language, text: names?.[language.language] ?? "" }))
    .filter((one) => one.text);
  if (found.length === 0) found.push({ language: shown.first, text: nameIn(names) });
  return found.filter((one, place) => one.text && (place === 0 || one.text !== found[0].text));
}

function line(name, text, language = shown.first) {
  const element = span("p", text, language);
  element.className = name;
  return element;
}

function span(tag, text, language = shown.first) {
  const element = document.createElement(tag);
  element.dir = "auto";
  put(element, text, language);
  return element;
}

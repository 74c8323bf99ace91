// Paints how the kiosk is: place, direction, connection, scans waiting, camera, clock.

import { age, cameraWords, clock, nameIn, say } from "./words.js";

const SKEW_MS = 2000; // a smaller difference of clocks needs nobody's attention
const FEW_PLACES = 5;
const at = (id) => document.getElementById(id);

export function paintStatus(language, status, now) {
  setText("hall", nameIn(language, status.hall_names) || "Hallkeeper");
  setText("door", nameIn(language, status.door_names));
  paintDirection(language, status);
  setText("free-number", String(status.free_places));
  const level = status.free_places < 1 ? "none" : status.free_places <= FEW_PLACES ? "few" : "";
  at("free").dataset.level = level;
  paintLink(language, status, now);
  paintWaiting(language, status);
  paintCamera(language, status);
  paintSkew(language, status);
}

// The part that grows by itself; called each second.
export function paintLink(language, status, now) {
  let words = say(language, "online");
  if (!status.online) {
    const time = status.offline_since && clock(status.offline_since, status.time_zone);
    words = time ? say(language, "offline_since", { time }) : say(language, "offline");
  }
  const facts = status.facts_as_of === null
    ? say(language, "no_facts")
    : say(language, "facts", { age: age(language, now - status.facts_as_of) });
  setState("state-link", `${words} · ${facts}`, status.online ? "good" : "look");
}

// Nothing of the above is known to hold any more.
export function paintLost(language) {
  setText("free-number", "–");
  at("free").dataset.level = "";
  setState("state-link", say(language, "lost_reason"), "bad");
}

function paintDirection(language, status) {
  const exit = status.direction === "exit";
  const both = status.mode === "both";
  setText("direction-word", say(language, exit ? "exit" : "entry"));
  at("direction-shape").setAttribute("href", exit ? "#shape-exit" : "#shape-entry");
  const button = at("direction");
  button.disabled = !both;
  button.dataset.direction = exit ? "exit" : "entry";
  button.title = both ? say(language, exit ? "turn_to_entry" : "turn_to_exit") : "";
  at("direction-key").hidden = !both;
}

function paintWaiting(language, status) {
  const n = status.scans_waiting;
  const key = n === 0 ? "waiting_none" : n === 1 ? "waiting_one" : "waiting";
  setState("state-waiting", say(language, key, { n }), n === 0 ? "good" : "");
}

function paintCamera(language, status) {
  const words = cameraWords(language, status.camera, status.camera_message);
  const level = { live: "good", lost: "bad", ended: "look" }[status.camera] ?? "";
  setState("state-camera", words, level);
  setText("picture-words", words);
}

function paintSkew(language, status) {
  const skew = status.skew_ms;
  const shown = skew !== null && Math.abs(skew) > SKEW_MS;
  at("state-skew").hidden = !shown;
  if (!shown) return;
  const n = (Math.abs(skew) / 1000).toFixed(1);
  setState("state-skew", say(language, skew > 0 ? "ahead" : "behind", { n }), "look");
}

function setState(id, text, level) {
  setText(id, text);
  at(id).dataset.level = level;
}

function setText(id, text) {
  const element = at(id);
  if (element.textContent !== text) element.textContent = text;
}

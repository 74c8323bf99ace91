// Paints the state of the kiosk, with place, direction, connection, scans waiting, camera, clock
// and battery.

import { standing } from "../answer/answer.js";
import { places } from "../shared/places.js";
import { age, cameraWords, clock, nameIn, put, say, wideness } from "../shared/words.js";

const SKEW_MS = 2000; // Nobody has to care about a smaller difference of clocks.
const FEW_PLACES = 5;
const BATTERY_LOW = 20; // In percent.
const at = (id) => document.getElementById(id);

export function paintStatus(status, now) {
  const hall = nameIn(status.hall_names) || "Hallkeeper";
  setText("hall", hall);
  at("hall").dataset.length = wideness(hall) > 18 ? "long" : "short";
  setText("door", nameIn(status.door_names));
  paintDirection(status);
  paintPlaces(status);
  paintLink(status, now);
  paintWaiting(status);
  paintCamera(status);
  paintRelay(status);
  paintSkew(status);
  paintBattery(status);
  paintAlone(status);
}

// Paints the part that changes with time alone. It is called each second.
export function paintLink(status, now) {
  let words = say("online");
  if (!status.online) {
    const time = status.offline_since && clock(status.offline_since, status.time_zone);
    words = time ? say("offline_since", { time }) : say("offline");
  }
  const facts = status.facts_as_of === null
    ? say("no_facts")
    : say("facts", { age: age(now - status.facts_as_of) });
  setState("state-link", `${words} · ${facts}`, status.online ? "good" : "look");
}

// Shows that none of the values above is known to hold any more.
export function paintUnknown() {
  setText("free-number", "–");
  at("free").dataset.level = "";
  setState("state-link", say("lost_reason"), "bad");
}

// Tells of a scanner with another keyboard layout, whose badges are read all the same.
export function paintScanner(repaired) {
  at("state-scanner").hidden = !repaired;
  if (repaired) setState("state-scanner", say("scanner_repaired"), "look");
}

function paintPlaces(status) {
  // Places of a door that lets nobody in would only mislead.
  at("free").hidden = ["resting", "rolling", "halted"].includes(standing(status));
  const { n, words } = places(status);
  setText("free-number", String(n));
  setText("free-words", words);
  at("free").dataset.level = level(n);
}

function level(places) {
  return places < 1 ? "none" : places <= FEW_PLACES ? "few" : "";
}

function paintDirection(status) {
  const exit = status.direction === "exit";
  const both = status.mode === "both";
  setText("direction-word", say(exit ? "exit" : "entry"));
  at("direction-shape").setAttribute("href", exit ? "#shape-exit" : "#shape-entry");
  const button = at("direction");
  button.hidden = standing(status) === "rolling";
  button.disabled = !both;
  button.dataset.direction = exit ? "exit" : "entry";
  button.title = both ? say(exit ? "turn_to_entry" : "turn_to_exit") : "";
  at("direction-key").hidden = !both;
}

function paintWaiting(status) {
  const n = status.scans_waiting;
  at("state-waiting").hidden = Boolean(status.alone); // They are among those that wait.
  setState("state-waiting", say(n === 0 ? "waiting_none" : "waiting", { n }), n === 0 ? "good" : "");
}

function paintCamera(status) {
  const words = cameraWords(status.camera, status.camera_message);
  const level = { live: "good", lost: "bad", ended: "look" }[status.camera] ?? "";
  setState("state-camera", words, level);
  setText("picture-words", words);
}

// How the turnstile or lock took the last pulse. Nothing is shown where there is none.
const RELAY = { works: ["relay_works", "good"], failed: ["relay_failed", "bad"], off: ["relay_off", ""] };

function paintRelay(status) {
  const told = RELAY[status.relay];
  at("state-relay").hidden = !told;
  if (told) setState("state-relay", say(told[0]), told[1]);
}

function paintSkew(status) {
  const skew = status.skew_ms;
  const shown = skew !== null && Math.abs(skew) > SKEW_MS;
  at("state-skew").hidden = !shown;
  if (!shown) return;
  const n = (Math.abs(skew) / 1000).toFixed(1);
  setState("state-skew", say(skew > 0 ? "ahead" : "behind", { n }), "look");
}

function paintBattery(status) {
  const n = status.battery_percent ?? null;
  at("state-battery").hidden = n === null;
  if (n !== null) setState("state-battery", say("battery", { n }), n < BATTERY_LOW ? "look" : "good");
}

// Green answers that so far are on this phone alone.
function paintAlone(status) {
  const n = status.alone ?? 0;
  at("state-alone").hidden = n === 0;
  if (n > 0) setState("state-alone", say("alone", { n }), "look");
}

function setState(id, text, level) {
  setText(id, text);
  at(id).dataset.level = level;
}

function setText(id, text) {
  put(at(id), text);
}

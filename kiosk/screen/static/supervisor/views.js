// The supervisor's views. A view is painted anew when what its `facts` returns has changed, and its
// `paint` returns the elements.

import { nameIn, say } from "../shared/words.js";
import { find, person } from "./find.js";
import { lettersButton } from "./letters.js";
import { button, el, timeLeft } from "./parts.js";

const PIN_MAX = 12;
const NOTE_MAX = 150;
const POINT_MAX = 30;

const menu = {
  facts: ({ status }) => [status.can_override?.seq, status.can_annul?.seq, status.resting, status.roll_call],
  paint: (panel) => {
    const { can_override: denied, can_annul: admitted, resting } = panel.status;
    return [
      item(panel, "override", denied && target(denied), "override_none", denied?.until),
      item(panel, "annul", admitted && target(admitted), "annul_none", admitted?.until),
      item(panel, "find"),
      item(panel, "door"),
      panel.status.roll_call
        ? button(say("roll_call_end"), () => endRollCall(panel), { className: "item", key: "roll-call-end" })
        : item(panel, "rollcall"),
      resting ? button(say("resume"), () => resume(panel), { className: "item", key: "resume" }) : item(panel, "shift"),
      button(say("lock"), () => lock(panel), { className: "item", key: "lock" }),
    ];
  },
};

// Makes a line of the menu. Where `what` is false it is disabled, and says why with `none`.
function item(panel, view, what, none, until) {
  const off = none !== undefined && !what;
  const made = button(say(VIEWS[view].title), () => panel.go(view), { className: "item", key: view });
  made.disabled = off;
  const more = el("small", off ? say(none) : what || "");
  if (until && !off) more.append(" · ", timeLeft(until));
  if (more.textContent) made.append(more);
  return made;
}

async function lock(panel) {
  if (!(await panel.ask("lock", {}))) return;
  panel.locked();
  panel.close();
}

async function resume(panel) {
  if (await panel.ask("resume", {})) panel.paint(true);
}

async function endRollCall(panel) {
  if (await panel.ask("end-roll-call", {})) panel.paint(true);
}

const locked = {
  title: "supervisor",
  facts: (panel) => panel.people,
  paint: (panel) => {
    if (panel.people.length === 0) return [el("p", say("no_supervisors"))];
    const names = panel.people.map((person) =>
      button(person.name, () => { panel.user = person.user; panel.go(panel.view); }, { className: "item", key: `who-${person.user}` }));
    return [el("h3", say("who")), ...names];
  },
};

const pin = {
  title: "supervisor",
  facts: (panel) => [panel.people, panel.user, panel.status.pin_locked_until],
  paint: (panel) => {
    const person = panel.people.find((one) => one.user === panel.user) ?? panel.people[0];
    const until = Math.max(panel.status.pin_locked_until ?? 0, person.locked_until ?? 0);
    if (until > panel.now()) {
      const waits = el("p", "");
      Object.assign(waits.dataset, { until, word: "pin_waits" });
      return [waits];
    }
    const field = Object.assign(el("input"), {
      type: "password", inputMode: "none", maxLength: PIN_MAX, autofocus: true, autocomplete: "one-time-code", id: "pin",
    });
    field.dataset.key = "pin";
    field.addEventListener("input", () => { field.value = field.value.replace(/\D/g, ""); });
    const label = Object.assign(el("label", say("pin_of", { name: person.name })), { htmlFor: "pin" });
    const form = Object.assign(el("form"), { className: "pin" });
    form.append(label, field, pad(field));
    form.addEventListener("submit", (event) => { event.preventDefault(); unlock(panel, person, field); });
    return [form];
  },
};

function pad(field) {
  const box = Object.assign(el("div"), { className: "pad" });
  const press = (change) => (event) => {
    change();
    // After a touch the field has to get the focus back, so that a keyboard can go on there.
    if (event.detail > 0) field.focus({ preventScroll: true });
  };
  const digit = (n) => button(String(n), press(() => { field.value = (field.value + n).slice(0, PIN_MAX); }), { key: `digit-${n}` });
  const back = button("⌫", press(() => { field.value = field.value.slice(0, -1); }), { key: "digit-back" });
  back.setAttribute("aria-label", say("digit_back"));
  const done = button(say("unlock"), () => {}, { className: "do", key: "unlock" });
  done.type = "submit";
  box.append(...[1, 2, 3, 4, 5, 6, 7, 8, 9].map(digit), back, digit(0), done);
  return box;
}

async function unlock(panel, person, field) {
  const data = field.value && (await panel.ask("unlock", { user: person.user, pin: field.value }));
  field.value = "";
  field.focus({ preventScroll: true });
  if (!data) return;
  panel.unlocked(data);
}

// The views of override and annul. The person stays the one whom it was about when the view was
// opened.
const because = (act) => ({
  title: act,
  facts: ({ status, memory }) => {
    const chance = status[`can_${act}`];
    if (chance && memory.seq === undefined) Object.assign(memory, { seq: chance.seq, who: target(chance) });
    return [chance?.seq, memory.seq, act === "override" && limit(status)];
  },
  paint: (panel) => {
    const chance = panel.status[`can_${act}`];
    const { memory } = panel;
    if (!chance || chance.seq !== memory.seq) {
      const news = el("p", say(chance ? "overtaken" : `${act}_none`));
      return chance ? [news, button(target(chance), () => panel.go(act), { className: "item", key: "again" })] : [news];
    }
    const form = Object.assign(el("form"), { className: "because" });
    const title = el("h3", say(`${act}_why`, { who: memory.who }));
    title.append(" · ", timeLeft(chance.until));
    const note = noteField(panel);
    const done = button(say(`${act}_do`), () => {}, { className: "do", key: "do" });
    done.type = "submit";
    const about = act === "override" ? [el("p", say("override_what")), limitLine(panel.status)] : [];
    form.append(title, ...about, choices(panel, act, note, done), note, done);
    form.addEventListener("submit", (event) => { event.preventDefault(); sayWhy(panel, act); });
    return [form];
  },
});

// Returns how many more people overrides may admit: the hall's number online, the door's own offline.
function limit(status) {
  const known = status.online && status.limit_left != null;
  return { key: known ? "limit_left" : "limit_here", n: known ? status.limit_left : status.limit_here };
}

function limitLine(status) {
  const { key, n } = limit(status);
  const line = Object.assign(el("p", say(key, { n })), { className: "limit" });
  line.dataset.level = n > 0 ? "" : "none";
  return line;
}

function choices(panel, act, note, done) {
  const box = Object.assign(el("fieldset"), { className: "choices" });
  box.append(Object.assign(el("legend", say(act)), { className: "aside" }));
  done.disabled = !panel.memory.reason;
  note.hidden = panel.memory.reason !== "other";
  for (const { key, words } of panel.reasons[act]) {
    const radio = Object.assign(el("input"), { type: "radio", name: "reason", value: key, checked: panel.memory.reason === key });
    radio.dataset.key = `reason-${key}`;
    radio.addEventListener("change", () => {
      panel.memory.reason = key;
      done.disabled = false;
      note.hidden = key !== "other";
      if (key === "other") note.querySelector("input").focus();
    });
    const label = el("label");
    label.append(radio, el("span", nameIn(words)));
    box.append(label);
  }
  return box;
}

function noteField(panel) {
  const box = Object.assign(el("div"), { className: "note" });
  const field = Object.assign(el("input"), { type: "text", id: "note", maxLength: NOTE_MAX, value: panel.memory.note ?? "", autocomplete: "off" });
  field.dataset.key = "note";
  field.addEventListener("input", () => { panel.memory.note = field.value; });
  box.append(Object.assign(el("label", say("note")), { htmlFor: "note" }), field, lettersButton(field));
  return box;
}

async function sayWhy(panel, act) {
  const { seq, reason, note } = panel.memory;
  const body = { seq, reason, note: reason === "other" ? (note ?? "").trim() : "" };
  if (await panel.ask(act, body)) panel.go("menu");
}

const door = {
  title: "door",
  facts: ({ status, memory }) => [status.mode, status.direction, status.door_names, memory.doors ?? null, memory.chosen ?? null],
  paint: (panel) => {
    if (!panel.memory.doors && !panel.memory.asked) { panel.memory.asked = true; takeDoors(panel); }
    return [...directions(panel), el("h3", say("doors")), ...(panel.memory.doors ?? []).map((one) => doorButton(panel, one)), ...chosenDoor(panel)];
  },
};

function directions(panel) {
  if (panel.status.mode !== "both") return [];
  const box = Object.assign(el("div"), { className: "pair" });
  for (const way of ["entry", "exit"]) {
    const made = button(say(way), () => panel.ask("direction", { direction: way }), { className: "item", key: way });
    made.setAttribute("aria-pressed", String(panel.status.direction === way));
    box.append(made);
  }
  return [el("h3", say("direction_now")), box];
}

async function takeDoors(panel) {
  const { memory } = panel;
  const found = await panel.ask("doors");
  if (found && memory === panel.memory) { memory.doors = found.doors; panel.paint(); }
}

function doorButton(panel, one) {
  const made = button(nameIn(one.names), () => { panel.memory.chosen = one.door; panel.paint(); }, { className: "item", key: `door-${one.door}` });
  made.append(el("small", [nameIn(one.hall_names), one.current ? say("door_here") : ""].filter(Boolean).join(" · ")));
  made.disabled = one.current;
  made.setAttribute("aria-pressed", String(panel.memory.chosen === one.door));
  return made;
}

function chosenDoor(panel) {
  const { chosen } = panel.memory;
  if (chosen == null) return [];
  return [button(say("door_do"), async () => {
    if (await panel.ask("door", { door: chosen })) panel.go("menu");
  }, { className: "do", key: "do" })];
}

const shift = {
  title: "end_shift",
  facts: () => null,
  paint: (panel) => [
    el("p", say("end_shift_ask")),
    button(say("end_shift_do"), async () => { if (await panel.ask("end-shift", {})) { panel.locked(); panel.close(); } }, { className: "do deny", key: "do" }),
  ],
};

const rollcall = {
  title: "roll_call",
  facts: () => null,
  paint: (panel) => {
    const field = Object.assign(el("input"), { type: "text", id: "point", maxLength: POINT_MAX, value: panel.memory.point ?? "", autofocus: true, autocomplete: "off" });
    field.dataset.key = "point";
    field.addEventListener("input", () => { panel.memory.point = field.value; });
    const box = Object.assign(el("div"), { className: "note" });
    box.append(Object.assign(el("label", say("roll_call_point")), { htmlFor: "point" }), field, lettersButton(field));
    const done = button(say("roll_call_do"), () => {}, { className: "do", key: "do" });
    done.type = "submit";
    const form = Object.assign(el("form"), { className: "because" });
    form.append(el("p", say("roll_call_ask")), box, done);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (await panel.ask("roll-call", { point: field.value })) { panel.locked(); panel.close(); }
    });
    return [form];
  },
};

export const VIEWS = { menu, locked, pin, override: because("override"), annul: because("annul"), find, person, door, shift, rollcall };

// Says whom a denial or an admission was about.
function target(chance) {
  return chance.name || (chance.badge ? say("badge", { n: chance.badge }) : say("somebody"));
}

// Finds a person by name, and admits them without a badge.

import { paintCategory } from "../answer/answer.js";
import { say } from "../shared/words.js";
import { lettersButton } from "./letters.js";
import { button, el } from "./parts.js";

export const find = {
  title: "find",
  facts: ({ memory }) => memory.found ?? null,
  paint: (panel) => {
    const { memory } = panel;
    const form = Object.assign(el("form"), { className: "find" });
    const field = Object.assign(el("input"), { type: "search", id: "find", maxLength: 80, value: memory.words ?? "", autofocus: true, autocomplete: "off" });
    field.dataset.key = "find";
    field.addEventListener("input", () => { memory.words = field.value; });
    const label = Object.assign(el("label", say("find_hint")), { htmlFor: "find" });
    const done = button(say("find_do"), () => {}, { className: "do", key: "find-do" });
    done.type = "submit";
    form.append(label, field, done, lettersButton(field));
    form.addEventListener("submit", (event) => { event.preventDefault(); lookUp(panel); });
    return [form, ...(memory.found ? results(panel) : [])];
  },
};

async function lookUp(panel) {
  const words = (panel.memory.words ?? "").trim();
  if ([...words].length < 2) { panel.tell(say("find_hint")); return; }
  const found = await panel.ask("people", { words });
  if (found) { panel.memory.found = found; panel.memory.chosen = null; panel.paint(true); }
}

function results(panel) {
  const { found } = panel.memory;
  const list = Object.assign(el("ul"), { className: "people" });
  for (const person of found.people) {
    const row = el("li");
    row.append(personButton(panel, person));
    list.append(row);
  }
  const note = found.people.length === 0 ? "find_none" : found.more ? "find_more" : "";
  return [list, ...(note ? [el("p", say(note))] : [])];
}

function personButton(panel, person) {
  const made = button(person.name, () => { panel.go("person"); panel.memory.person = person; panel.paint(true); }, { className: "item", key: `p-${person.serial}` });
  made.append(el("small", [person.organisation, person.country, ...person.hints, person.badge].filter(Boolean).join(" · ")));
  return made;
}

export const person = {
  title: "find",
  facts: ({ memory }) => memory.person?.serial ?? null,
  paint: (panel) => {
    const one = panel.memory.person;
    if (!one) return [];
    const category = Object.assign(el("p"), { className: "category" });
    category.append(el("b"), el("span"));
    if (one.category) paintCategory(category, one.category);
    const about = el("p", [one.organisation, one.country, ...one.hints].filter(Boolean).join(" · "));
    const admit = button(say("override_do"), () => admitPerson(panel, one), { className: "do", key: "do" });
    admit.autofocus = true;
    return [
      el("h3", one.name), about, ...(one.category ? [category] : []), el("p", say("badge", { n: one.badge })),
      el("p", say("find_confirm")), admit,
    ];
  },
};

async function admitPerson(panel, one) {
  const done = await panel.ask("admit", { serial: one.serial });
  if (done) panel.go(done.admitted ? "menu" : "override");
}

// The supervisor's panel. It stands beside the answer, never over it, and holds up no scan.

import { left, put, say, shown } from "../shared/words.js";
import { hideLetters } from "./letters.js";
import { VIEWS } from "./views.js";

const at = (id) => document.getElementById(id);
// All other views have the menu as their parent.
const PARENTS = { menu: null, locked: null, pin: "locked" };

export class Panel {
  // `ask` sends to the kiosk, `now` returns its time, and `opener` is the button that opens the panel.
  constructor(ask, now, opener) {
    this.send = ask;
    this.now = now;
    this.opener = opener;
    this.status = null;
    this.view = "menu"; // The view that is wanted. Until somebody unlocks, another one comes first.
    this.user = null; // Whose PIN is asked for.
    this.reasons = null; // These come with the answer to the PIN.
    this.fresh = null; // Who has just unlocked, until the stream says so too.
    this.memory = {}; // What the open view has to keep.
    this.painted = "";
    this.busy = false;
    at("panel-close").addEventListener("click", () => this.close());
    at("panel-back").addEventListener("click", () => this.back());
  }

  get isOpen() {
    return !at("panel").hidden;
  }

  open(view) {
    at("panel").hidden = false;
    document.body.dataset.panel = "open";
    this.opener.setAttribute("aria-expanded", "true");
    this.go(view);
  }

  close() {
    if (!this.isOpen) return;
    const inside = at("panel").contains(document.activeElement);
    at("panel").hidden = true;
    document.body.dataset.panel = "";
    this.opener.setAttribute("aria-expanded", "false");
    hideLetters();
    this.user = null;
    this.painted = "";
    if (inside) this.opener.focus();
  }

  go(view) {
    this.view = view;
    this.memory = {};
    this.tell("");
    this.paint(true);
  }

  back() {
    if (!this.isOpen) return;
    const view = this.current;
    const parent = view in PARENTS ? PARENTS[view] : "menu";
    if (view === "pin" && this.people.length > 1) { this.user = null; this.go(this.view); }
    else if (parent === "menu") this.go("menu");
    else this.close();
  }

  get people() {
    return this.status?.supervisors ?? [];
  }

  get session() {
    return this.status?.supervisor ?? this.fresh;
  }

  unlocked(data) {
    this.reasons = data.reasons;
    // The stream may have said so before this answer came. Then it says when the session ends, too.
    this.fresh = this.status?.supervisor ? null : data.supervisor;
    this.go(this.view);
  }

  locked() {
    this.reasons = this.fresh = this.user = null;
    this.view = "menu";
  }

  // Returns the view that stands there now.
  get current() {
    if (this.session && this.reasons) return this.view;
    const one = this.people.length === 1;
    return one || this.people.some((person) => person.user === this.user) ? "pin" : "locked";
  }

  onStatus(status) {
    if (status.supervisor) this.fresh = null;
    // The session has ended. One that this page never had ends nothing here, such as a PIN half typed.
    else if (this.status?.supervisor && !this.fresh && this.reasons) this.locked();
    this.status = status;
    if (this.isOpen) this.paint();
  }

  // Paints anew only where something differs, so that what is being typed stays.
  paint(always = false) {
    if (!this.isOpen || !this.status) return;
    const name = this.current;
    const view = VIEWS[name];
    const facts = JSON.stringify([name, shown.first.language, view.facts(this)]);
    if (!always && facts === this.painted) { this.paintWho(); this.tick(); return; }
    const entered = name !== this.entered || always;
    this.entered = name;
    this.painted = facts;
    hideLetters();
    put(at("panel-title"), say(view.title ?? "supervisor"));
    at("panel-back").hidden = name === "menu" || name === "locked" || (name === "pin" && this.people.length < 2);
    const focused = document.activeElement?.dataset?.key;
    at("panel-view").dataset.view = name;
    at("panel-view").replaceChildren(...view.paint(this));
    this.paintWho();
    this.tick();
    if (entered) this.focus();
    else if (focused) at("panel-view").querySelector(`[data-key="${focused}"]`)?.focus();
  }

  focus() {
    const view = at("panel-view");
    const first = view.querySelector("[autofocus]") ?? view.querySelector("button:enabled, input");
    (first ?? at("panel-title")).focus({ preventScroll: true });
  }

  paintWho() {
    const who = this.session;
    at("panel-who").hidden = !who || this.current === "pin" || this.current === "locked";
    if (!who) return;
    const time = document.createElement("span");
    Object.assign(time.dataset, { until: who.until, word: "locks_in" });
    at("panel-who").replaceChildren(who.name, " · ", time);
  }

  // Counts down what has an end. It is called each second.
  tick() {
    for (const element of at("panel").querySelectorAll("[data-until]")) {
      const forMs = Number(element.dataset.until) - this.now();
      put(element, say(element.dataset.word, { time: left(forMs) }));
      if (forMs <= 0 && element.dataset.word === "pin_waits") { this.paint(true); return; }
    }
  }

  tell(text) {
    put(at("panel-error"), text);
  }

  // Says so to those who hear the page, too.
  turnBusy(busy) {
    this.busy = busy;
    at("panel").setAttribute("aria-busy", busy);
  }

  // Asks the kiosk, one question at a time. Returns its data, or null after telling the reason.
  async ask(path, body) {
    if (this.busy) return null;
    this.turnBusy(true);
    this.tell("");
    const answer = await this.send(`/supervisor/${path}`, body);
    this.turnBusy(false);
    if (answer.ok) return answer.data;
    const { message } = answer.data;
    this.tell(message?.[shown.first.language] ?? message?.en ?? say("not_done"));
    if (answer.data.error === "not_unlocked") { this.locked(); this.paint(); }
    return null;
  }
}

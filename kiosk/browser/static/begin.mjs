// What stands in front of the door before it is open, or when it can't go on: progress, the words of
// an enrolment, what is needed, and the button for the next step. In both languages.

import { put, putSentence, say, shown } from "./screen/shared/words.js";

const at = (id) => document.getElementById(id);
// The needs that a new attempt can meet, and those that only a new page can.
const AGAIN = ["storage", "network", "files"];
const RELOAD = ["reload", "engine", "other_tab"];

export class Begin {
  // `on.start`, `on.again` are called by the button. The page is closed once the door is open.
  constructor(on) {
    this.on = on;
    this.face = { word: "starting", next: "starting_why" };
    at("begin-do").addEventListener("click", () => this.do());
  }

  // `done` and `of` are in any unit.
  progress(done, of) {
    at("begin-progress").value = of > 0 ? Math.min(1, done / of) : 0;
  }

  // Loading. The button is there already, because a tap is what browsers want before sound.
  // `onceMore`: after a start that stopped.
  starting(onceMore = false) {
    this.show({ word: "starting", next: onceMore ? "restarting_why" : "starting_why", busy: true });
  }

  // Everything is there but the tap.
  ready() {
    this.show({ word: "start", next: "start_why", button: "start" });
  }

  compare(six) {
    const words = Array.isArray(six) ? six.join(" ") : six;
    this.show({ word: "enrol_words", next: "enrol_wait", six: words, busy: true });
  }

  need(what, message) {
    const button = AGAIN.includes(what) ? "try_again" : RELOAD.includes(what) ? "reload" : "";
    this.show({ word: `need_${what}`, next: `need_${what}_next`, message, button, bad: true });
  }

  show(face) {
    this.face = face;
    at("begin").hidden = false;
    document.body.dataset.begin = "open";
    this.paint();
  }

  close() {
    at("begin").hidden = true;
    document.body.dataset.begin = "";
  }

  get isOpen() {
    return !at("begin").hidden;
  }

  get isBad() {
    return this.isOpen && this.face.bad === true;
  }

  do() {
    const { button } = this.face;
    if (button === "reload") location.reload();
    else this.on[button === "start" ? "start" : "again"]();
  }

  paint() {
    const { word, next, six, message, button, busy, bad } = this.face;
    const guests = bad ? "not_here" : busy ? "not_yet" : "";
    for (const [id, language] of [["", shown.first], ["-2", shown.second]]) {
      const text = (key) => (language ? say(key, {}, language) : "");
      putSentence(at(`begin-word${id}`), text(word), language ?? shown.first);
      putSentence(at(`begin-next${id}`), (language && message?.[language.language]) || text(next), language ?? shown.first);
      putSentence(at(`begin-guests${id}`), guests ? text(guests) : "", language ?? shown.first);
    }
    at("begin-six").hidden = !six;
    put(at("begin-six"), six ?? "");
    at("begin-progress").hidden = !busy;
    at("begin-do").hidden = !button;
    if (button) put(at("begin-do"), say(button));
    at("begin").dataset.level = bad ? "bad" : "";
    at("begin-shape").setAttribute("href", bad ? "#shape-lost" : "#shape-phone");
    const other = shown.second;
    at("begin-language").hidden = !other;
    if (other) put(at("begin-language"), other.name, other);
  }
}

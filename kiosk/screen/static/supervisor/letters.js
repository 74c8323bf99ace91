// A keyboard on the screen, for staff who have no other.

import { put, say } from "../shared/words.js";

const ROWS = ["1234567890", "QWERTYUIOP", "ASDFGHJKL-", "ZXCVBNM.'"];
const at = (id) => document.getElementById(id);

export function showLetters(field) {
  const box = at("letters");
  box.replaceChildren(...ROWS.map((row) => line([...row].map((letter) => key(letter, () => write(field, letter))))));
  box.append(line([
    key(say("key_space"), () => write(field, " "), "wide"),
    key(say("key_back"), () => write(field, null), "wide"),
  ]));
  box.hidden = false;
}

export function hideLetters() {
  at("letters").hidden = true;
}

export function lettersButton(field) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "plain";
  put(button, say("keyboard"));
  button.addEventListener("click", () => {
    if (at("letters").hidden) showLetters(field);
    else hideLetters();
  });
  return button;
}

function line(keys) {
  const row = document.createElement("div");
  row.append(...keys);
  return row;
}

function key(text, act, kind = "") {
  const button = document.createElement("button");
  button.type = "button";
  button.className = kind;
  put(button, text);
  button.addEventListener("click", act);
  return button;
}

function write(field, letter) {
  const start = field.selectionStart ?? field.value.length;
  const end = field.selectionEnd ?? start;
  const from = letter === null && start === end ? Math.max(0, start - 1) : start;
  field.setRangeText(letter ?? "", from, end, "end");
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

// The parts that the supervisor's views are made of.

import { put, say } from "../shared/words.js";

export function timeLeft(until) {
  const element = el("span");
  Object.assign(element.dataset, { until, word: "time_left" });
  return element;
}

export function el(tag, text) {
  const element = document.createElement(tag);
  if (text !== undefined) { element.dir = "auto"; put(element, text); }
  return element;
}

export function button(text, act, { className = "", key }) {
  const element = el("button");
  element.type = "button";
  element.className = className;
  element.dataset.key = key;
  element.append(el("span", text));
  element.addEventListener("click", act);
  return element;
}

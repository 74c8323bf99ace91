// Keeps fetching the camera's picture and the facts about it, with one request of each at a time.

import { follow, isLinked } from "../shared/kiosk.js";

const PICTURE_MS = 120;
const FACTS_MS = 700;
const AWAY_MS = 1500; // The pause where there is no picture, or no kiosk.

const picture = document.getElementById("picture");
const facts = document.getElementById("facts");
const language = document.body.dataset.language;

async function repeat(step, pauseMs) {
  for (;;) {
    let done = false;
    if (!document.hidden && isLinked()) {
      try {
        done = await step();
      } catch {
        done = false; // The kiosk is away, and may come back.
      }
    }
    await new Promise((go) => setTimeout(go, done ? pauseMs : AWAY_MS));
  }
}

async function fetchPicture(number) {
  picture.src = `/camera/picture.jpg?${number}`;
  await picture.decode(); // The picture before it stays until then.
  return true;
}

async function fetchFacts() {
  const response = await fetch(`/camera/facts?language=${language}`);
  if (!response.ok) return false;
  const told = new DOMParser().parseFromString(await response.text(), "text/html");
  if (!isLinked()) return false; // Another account may have taken the kiosk's port.
  facts.replaceChildren(...told.body.childNodes);
  facts.classList.remove("old");
  return true;
}

if (picture && facts) {
  follow(() => {}, () => {});
  let number = 0;
  repeat(() => fetchPicture((number += 1)), PICTURE_MS);
  repeat(async () => {
    const timer = setTimeout(() => facts.classList.add("old"), 2 * AWAY_MS);
    const done = await fetchFacts();
    if (done) clearTimeout(timer);
    return done;
  }, FACTS_MS);
}

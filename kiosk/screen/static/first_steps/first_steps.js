// Sends the code and shows the progress. Once the kiosk is enrolled its door has a page of its own,
// which opens by another link.

import { ask, follow, isLinked } from "../shared/kiosk.js";

const PROGRESS_MS = 400;
const PICTURE_MS = 150;
const AWAY_MS = 1500; // The pause where there is no picture.

const code = document.getElementById("code");
const picture = document.getElementById("picture");
const parts = [...document.querySelectorAll("[data-for]")];

function show({ state, words = "", detail = "" }) {
  for (const part of parts) part.hidden = part.dataset.for !== state;
  document.getElementById("words").textContent = words;
  document.getElementById("detail").textContent = detail;
}

async function followProgress() {
  for (;;) {
    const answer = await ask("/enrolment");
    if (answer.ok && isLinked()) show(answer.data);
    await new Promise((go) => setTimeout(go, PROGRESS_MS));
  }
}

async function followPicture() {
  for (let number = 0; ; number += 1) {
    try {
      if (isLinked()) picture.src = `/picture.jpg?${number}`;
      await picture.decode();
      picture.hidden = !isLinked();
    } catch {
      picture.hidden = true; // There is no camera, or it has no picture yet.
    }
    await new Promise((go) => setTimeout(go, picture.hidden ? AWAY_MS : PICTURE_MS));
  }
}

document.getElementById("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const answer = await ask("/enrolment", { code: code.value.trim() });
  if (answer.status !== 0) code.value = "";
});
// A hand scanner types wherever the focus is.
addEventListener("keydown", (event) => {
  if (event.key.length === 1 && event.key !== " " && !event.ctrlKey) code.focus();
});

show({ state: "waiting" });
// Where the enrolment's program has ended, the door's is starting.
follow(() => {}, (up) => { if (!up) show({ state: "enrolled" }); });
followProgress();
followPicture();

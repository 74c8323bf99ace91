// Sends the code, shows the progress, and gives way to the door's page once the kiosk is enrolled.

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
    try {
      const response = await fetch("/enrolment");
      if (response.status === 404) location.replace("/"); // Now the door's page is here.
      else if (response.ok) show(await response.json());
    } catch {
      // The enrolment's program has ended, and the door's is starting.
      show({ state: "enrolled" });
    }
    await new Promise((go) => setTimeout(go, PROGRESS_MS));
  }
}

async function followPicture() {
  for (let number = 0; ; number += 1) {
    picture.src = `/picture.jpg?${number}`;
    try {
      await picture.decode();
      picture.hidden = false;
    } catch {
      picture.hidden = true; // There is no camera, or it has no picture yet.
    }
    await new Promise((go) => setTimeout(go, picture.hidden ? AWAY_MS : PICTURE_MS));
  }
}

document.getElementById("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  await fetch("/enrolment", {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      "X-Hallkeeper-Token": document.querySelector("meta[name=hallkeeper-token]").content,
    },
    body: JSON.stringify({ code: code.value.trim() }),
  });
  code.value = "";
});
// A hand scanner types wherever the focus is.
addEventListener("keydown", (event) => {
  if (event.key.length === 1 && event.key !== " " && !event.ctrlKey) code.focus();
});

show({ state: "waiting" });
followProgress();
followPicture();

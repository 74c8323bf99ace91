// Draws the card anew shortly after each change of the form, on the server. Nothing is stored by it.
// Leaving the page with unsaved changes asks first.
(() => {
  "use strict";

  const form = document.getElementById("cards");
  const status = document.getElementById("drawing");
  const pages = document.getElementById("pages");
  let waiting = null;
  let running = null;

  const list = (id, kind, texts) => {
    const parts = texts.map((text) => {
      const part = document.createElement("p");
      part.className = kind;
      part.textContent = text;
      return part;
    });
    document.getElementById(id).replaceChildren(...parts);
  };

  const put = (drawn) => {
    list("problems", "notice bad", drawn.problems);
    list("notes", "small", drawn.notes);
    list("alike", "notice warn", drawn.alike);
    const dropped = document.getElementById("dropped");
    dropped.hidden = drawn.dropped.length === 0;
    dropped.querySelector("ul").replaceChildren(...drawn.dropped.map((text) => {
      const part = document.createElement("li");
      part.textContent = text;
      return part;
    }));
    // Where something is in the way, the last card that could be drawn stays, faded.
    pages.classList.toggle("old", drawn.pages.length === 0);
    if (drawn.pages.length === 0) return;
    pages.replaceChildren(...drawn.pages.map((address, at) => {
      const picture = document.createElement("img");
      picture.src = address;
      picture.alt = at === 0 ? pages.dataset.front : pages.dataset.back;
      return picture;
    }));
  };

  const draw = async () => {
    running?.abort();
    const mine = new AbortController();
    running = mine;
    status.textContent = status.dataset.busy;
    try {
      const answer = await fetch(form.dataset.preview, {
        method: "POST", body: new FormData(form), signal: mine.signal, redirect: "error",
      });
      if (!answer.ok) throw new Error(String(answer.status));
      put(await answer.json());
      status.textContent = "";
    } catch {
      if (!mine.signal.aborted) status.textContent = status.dataset.failed;
    }
  };

  const soon = () => {
    clearTimeout(waiting);
    waiting = setTimeout(draw, 400);
  };

  form.addEventListener("input", soon);
  form.addEventListener("change", soon);
  draw();

  let unsaved = "unsaved" in form.dataset;  // as in a refused form
  form.addEventListener("input", (event) => {
    if (event.target.name !== "person") unsaved = true;
  });
  form.addEventListener("submit", () => { unsaved = false; });
  window.addEventListener("beforeunload", (event) => {
    if (unsaved) event.preventDefault();
  });
})();

// Shows halls as soon as they are chosen, and those whose name has what is typed.
(() => {
  "use strict";

  const form = document.querySelector("form.choice");
  if (!form) return;
  form.addEventListener("change", (event) => {
    if (event.target.id !== "q") form.requestSubmit();
  });
  const typed = document.getElementById("q");
  const halls = [...document.querySelectorAll('[id^="hall-"]')];
  typed?.addEventListener("input", () => {
    const text = typed.value.trim().toLocaleLowerCase();
    const folded = document.getElementById("folded");
    if (folded && text) folded.open = true;
    for (const hall of halls) {
      const name = hall.querySelector("h3, th")?.textContent ?? "";
      hall.hidden = !name.toLocaleLowerCase().includes(text);
    }
  });
})();

// Keeps halls with nothing today folded into one line, as the server lists them.
(() => {
  "use strict";

  const idle = document.getElementById("idle");
  const folded = document.getElementById("folded");
  const atRest = document.getElementById("halls-at-rest");
  const atWork = document.getElementById("halls-at-work");
  if (!folded || !atRest || !atWork) return;

  const fold = () => {
    const ids = new Set(idle.textContent.split(",").map((id) => `hall-${id}`));
    for (const hall of [...atWork.children, ...atRest.children]) {
      const list = ids.has(hall.id) ? atRest : atWork;
      if (hall.parentElement !== list && !hall.contains(document.activeElement)) list.append(hall);
    }
    folded.hidden = atRest.children.length === 0;
  };

  new MutationObserver(fold).observe(idle, { childList: true, characterData: true, subtree: true });
})();

// Keeps halls in the order that somebody chose, as the server tells it. A hall that somebody reads,
// points at or has reached by the keyboard stays where it is: then a button offers the new order.
(() => {
  "use strict";

  const PACE_MS = 5000; // Halls that move more often can't be read.
  const SAID_MS = 30000;
  const POINTED_MS = 3000; // A pointer that rests for longer was left there.

  const order = document.querySelector("[data-order]");
  const list = document.getElementById("halls-at-work");
  if (!order || !list) return;
  const offer = document.getElementById("sort-now");
  const said = document.getElementById("sorted");
  let sortedAt = -Infinity;
  let saidAt = -Infinity;
  let pointedAt = -Infinity;
  let timer = 0;

  const now = () => performance.now();
  const nameOf = (hall) => hall.querySelector("h3, th")?.textContent.trim() ?? "";
  const wanted = () => order.textContent.split(",")
    .map((id) => document.getElementById(`hall-${id}`))
    .filter((hall) => hall?.parentElement === list);

  const isInUse = () => {
    const selected = getSelection();
    return list.contains(document.activeElement)
      || document.activeElement === offer // Somebody is about to press it.
      || (selected && !selected.isCollapsed && list.contains(selected.anchorNode))
      || now() - pointedAt < POINTED_MS
      || list.getBoundingClientRect().top < 0; // Somebody reads further down.
  };

  const sort = () => {
    const halls = wanted();
    const first = list.firstElementChild;
    let next = null;
    for (const hall of halls.toReversed()) {
      if (hall.nextElementSibling !== next) list.insertBefore(hall, next);
      next = hall;
    }
    sortedAt = now();
    offer.hidden = true;
    if (list.firstElementChild !== first && now() - saidAt > SAID_MS) {
      saidAt = now();
      said.textContent = said.dataset.words.replace("{hall}", nameOf(list.firstElementChild));
    }
  };

  const look = () => {
    clearTimeout(timer);
    const halls = wanted();
    if (halls.every((hall, place) => list.children[place] === hall)) { offer.hidden = true; return; }
    const wait = sortedAt + PACE_MS - now();
    if (wait > 0) { timer = setTimeout(look, wait); return; }
    if (!isInUse()) { sort(); return; }
    offer.hidden = false;
    timer = setTimeout(look, PACE_MS);
  };

  new MutationObserver(look).observe(list, { childList: true }); // A hall that was folded is added.
  new MutationObserver(look).observe(order, { childList: true, characterData: true, subtree: true });
  list.addEventListener("pointermove", () => { pointedAt = now(); });
  list.addEventListener("pointerleave", () => { pointedAt = -Infinity; });
  list.addEventListener("focusout", () => setTimeout(look));
  offer.addEventListener("click", () => {
    sort();
    document.getElementById("h-halls").focus(); // The button is gone.
  });
})();

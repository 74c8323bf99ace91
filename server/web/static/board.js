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
    for (const hall of halls) {
      const name = hall.querySelector("h3, th")?.textContent ?? "";
      hall.hidden = !name.toLocaleLowerCase().includes(text);
    }
  });
})();

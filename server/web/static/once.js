// A form is sent once. A second click, while the answer to the first is on its way, would do
// everything twice, and only its answer would be shown.
(() => {
  "use strict";

  const AGAIN_MS = 30_000; // if the answer never comes

  const end = (form) => form.removeAttribute("aria-busy");

  addEventListener("submit", (event) => {
    const form = event.target;
    // The page stays if the answer is a file.
    if (event.defaultPrevented || form.method !== "post" || "file" in form.dataset) return;
    if (form.getAttribute("aria-busy") === "true") return event.preventDefault();
    form.setAttribute("aria-busy", "true");
    setTimeout(end, AGAIN_MS, form);
  });
  // The browser shows a page again that it has kept.
  addEventListener("pageshow", () => document.querySelectorAll("form[aria-busy]").forEach(end));
})();

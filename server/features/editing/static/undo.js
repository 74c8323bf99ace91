// Undo and dismissal of the last change keep what is typed in the page's forms.
(() => {
  "use strict";

  const fields = (root) => [...root.querySelectorAll("main form:not([data-undo]) :is(input, select, textarea)")];
  const name = (field) => [field.name, field.type === "checkbox" || field.type === "radio" ? field.value : ""].join("=");
  const isTyped = (field) => {
    if (field.type === "hidden") return false;
    if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
    if (field.tagName === "SELECT") {
      const chosen = [...field.options].findIndex((option) => option.defaultSelected);
      return field.selectedIndex !== Math.max(chosen, 0);
    }
    return field.value !== field.defaultValue;
  };

  // Fields that were not typed in, and marks of the state, become those of the new page.
  const update = (page, unsaved) => {
    const fresh = new Map(fields(page).map((field) => [name(field), field]));
    for (const field of fields(document)) {
      const other = fresh.get(name(field));
      if (!other || (unsaved && field.type !== "hidden") || isTyped(field)) continue;
      if (field.type === "checkbox" || field.type === "radio") field.checked = field.defaultChecked = other.checked;
      else if (field.tagName === "SELECT") field.selectedIndex = other.selectedIndex;
      else field.value = field.defaultValue = other.value;
    }
    const banner = document.getElementById("last-edit");
    const notices = page.querySelectorAll("main > p.notice");
    const next = page.getElementById("last-edit");
    banner.before(...notices);
    if (!next) return banner.remove();
    if (unsaved) next.dataset.unsaved = "";
    banner.replaceWith(next);
    listen();
    endInTime();
    next.querySelector("button")?.focus();
  };

  const send = async (event) => {
    const form = event.target;
    const unsaved = "unsaved" in document.getElementById("last-edit").dataset;
    form.removeAttribute("target");
    if (!unsaved && !fields(document).some(isTyped)) return;
    event.preventDefault();
    const answer = await fetch(form.action, { method: "POST", body: new FormData(form) });
    update(new DOMParser().parseFromString(await answer.text(), "text/html"), unsaved);
  };

  // A banner goes after a while, unless somebody has reached it by the keyboard.
  const endInTime = () => {
    const banner = document.getElementById("last-edit");
    if (!banner) return;
    const end = () => {
      if (banner.contains(document.activeElement)) banner.addEventListener("focusout", () => setTimeout(end), { once: true });
      else banner.remove();
    };
    setTimeout(end, Number(banner.dataset.endsInMs));
  };

  const listen = () => document.querySelectorAll("form[data-undo]").forEach((form) => form.addEventListener("submit", send));
  listen();
  endInTime();
})();

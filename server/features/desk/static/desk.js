// The badge desk: the box that finds as one types, what changes by itself, and forms that are sent once.
(() => {
  "use strict";

  const WAIT_MS = 120; // after a key, before the server is asked
  const GUARD_MS = 350; // a second Enter of the same hand opens nothing on the next page
  const BUSY_MS = 700, IDLE_MS = 3000;
  const page = document.body.dataset.page;
  let isHasty = true;
  setTimeout(() => {
    isHasty = false;
    document.body.dataset.ready = "yes";
  }, GUARD_MS);

  // When the clerk began with this person. Pages pass it on until somebody else is looked for.
  const begun = {
    get: () => Number(sessionStorage.getItem("desk-begun")) || 0,
    set: () => sessionStorage.setItem("desk-begun", String(Date.now())),
    end: () => sessionStorage.removeItem("desk-begun"),
  };

  for (const form of document.querySelectorAll("form[data-act]")) {
    form.addEventListener("submit", (event) => {
      if (("guard" in form.dataset && isHasty) || form.dataset.sent) return event.preventDefault();
      form.dataset.sent = "yes";
      if (begun.get()) {
        const field = document.createElement("input");
        field.type = "hidden";
        field.name = "busy_ms";
        field.value = String(Math.max(0, Date.now() - begun.get()));
        form.append(field);
      }
    });
  }
  // A page that comes back from the browser's own memory may send its form anew, and the server knows
  // the form.
  addEventListener("pageshow", (event) => {
    if (event.persisted) document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent);
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.isComposing) return;
    const back = document.querySelector("[data-escape]");
    if (back) location.href = back.href;
  });

  const box = document.getElementById("box");
  if (box) find(box);
  else if (page === "walk-in" && !begun.get()) {
    document.addEventListener("input", () => begun.get() || begun.set(), { once: true });
  }

  function find(input) {
    const form = input.form;
    const list = document.getElementById("hits");
    const says = document.getElementById("says");
    const walkIn = document.getElementById("walk-in");
    const walkInUrl = walkIn.href;
    let asked = null; // the text that is under way
    let shown = input.value.trim(); // the text whose people are in the list
    let active = -1;
    let timer = 0;
    let control = null;
    if (!input.value) begun.end();
    input.setSelectionRange(input.value.length, input.value.length);

    const options = () => [...list.children];
    const choose = (number) => {
      const all = options();
      active = all.length ? Math.min(Math.max(number, 0), all.length - 1) : -1;
      all.forEach((one, at) => one.setAttribute("aria-selected", String(at === active)));
      if (active < 0) return input.removeAttribute("aria-activedescendant");
      input.setAttribute("aria-activedescendant", all[active].id);
      all[active].scrollIntoView({ block: "nearest" });
    };
    const open = (one) => { location.href = one.dataset.url; };

    const square = (person) => {
      const make = (kind, fields, text) => {
        const made = document.createElementNS("http://www.w3.org/2000/svg", kind);
        Object.entries(fields).forEach(([name, value]) => made.setAttribute(name, value));
        if (text) made.textContent = text;
        return made;
      };
      const svg = make("svg", { viewBox: "0 0 20 20", "aria-hidden": "true" });
      svg.append(
        make("rect", { width: 20, height: 20, fill: person.colour }),
        make("text", { x: 10, y: 14.5, "text-anchor": "middle", "font-size": 13, "font-weight": 700, fill: person.ink }, person.letter),
      );
      return svg;
    };
    const put = (kind, name, ...inside) => {
      const made = document.createElement(kind);
      if (name) made.className = name;
      made.append(...inside);
      return made;
    };
    const row = (person, number) => {
      const made = put("li", "", square(person),
        put("span", "hit", put("b", "", put("bdi", "", person.name)), " ", put("bdi", "latin", person.latin),
          put("span", "of", put("bdi", "", person.organisation)),
          put("span", "hints", put("bdi", "", person.hints))),
        put("span", "state", put("span", "code", person.number), put("span", "", person.category), put("span", "", person.state)));
      made.id = `hit-${number}`;
      made.setAttribute("role", "option");
      made.dataset.url = person.url;
      return made;
    };

    const show = (answer) => {
      list.replaceChildren(...answer.people.map(row));
      list.hidden = !answer.people.length;
      input.setAttribute("aria-expanded", String(!list.hidden));
      says.textContent = answer.says;
      shown = answer.text;
      walkIn.href = answer.text && !answer.people.length ? `${walkInUrl}?name=${encodeURIComponent(answer.text)}` : walkInUrl;
      choose(0);
    };

    const ask = async (text) => {
      if (text === asked) return false;
      control?.abort();
      control = new AbortController();
      asked = text;
      try {
        const answer = await fetch(`${form.dataset.find}?q=${encodeURIComponent(text)}`,
          { signal: control.signal, headers: { Accept: "application/json" }, redirect: "error" });
        if (!answer.ok) throw new Error(String(answer.status));
        const found = await answer.json();
        if (asked !== text) return false;
        show(found);
        asked = null;
        return true;
      } catch (error) {
        if (error.name === "AbortError") return false;
        asked = null;
        form.submit(); // a whole page says what is wrong, such as that the session has ended
        return false;
      }
    };

    const enter = async () => {
      clearTimeout(timer);
      const text = input.value.trim();
      if (!text) return;
      if (shown !== text || !options().length) {
        // What a scanner typed was not asked for yet. A code means one person.
        control?.abort();
        asked = null;
        if (!(await ask(text))) return;
        if (options().length === 1) return open(options()[0]);
        if (!options().length) walkIn.focus();
        return;
      }
      if (active >= 0) open(options()[active]);
    };

    input.addEventListener("input", () => {
      const text = input.value.trim();
      if (text && !begun.get()) begun.set();
      if (!text) begun.end();
      clearTimeout(timer);
      if (!text) {
        control?.abort();
        asked = null;
        return show({ text: "", people: [], says: "" });
      }
      timer = setTimeout(() => ask(text), WAIT_MS);
    });
    input.addEventListener("keydown", (event) => {
      if (event.isComposing) return; // an input method's own keys
      if (event.key === "ArrowDown") choose(active + 1);
      else if (event.key === "ArrowUp") choose(active - 1);
      else if (event.key === "Enter") enter();
      else if (event.key === "Escape") {
        input.value = "";
        input.dispatchEvent(new Event("input"));
      } else return;
      event.preventDefault();
    });
    list.addEventListener("click", (event) => {
      const one = event.target.closest("li");
      if (one) open(one);
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      enter();
    });
    // A scanner types wherever the page has the focus.
    document.addEventListener("keydown", (event) => {
      const typed = event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey;
      if (typed && event.key !== " " && !event.target.closest("input, select, textarea")) input.focus();
    });
    if (options().length) choose(0);
  }

  const live = document.getElementById("live");
  if (live) {
    let last = "";
    const again = async () => {
      try {
        const answer = await fetch(live.dataset.part, { headers: { Accept: "text/html" }, redirect: "error" });
        const html = answer.ok ? await answer.text() : last;
        if (html !== last) {
          const focused = live.contains(document.activeElement) ? document.activeElement : null;
          const key = focused?.dataset.key, href = focused?.getAttribute("href");
          // The text is escaped by our own server, and the page's policy lets no script in it run.
          live.innerHTML = html;
          last = html;
          if (key) live.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
          else if (href) live.querySelector(`a[href="${CSS.escape(href)}"]`)?.focus();
        }
      } catch {
        // The server is away, but the next attempt may reach it.
      }
      setTimeout(again, live.querySelector("[data-busy]") ? BUSY_MS : IDLE_MS);
    };
    setTimeout(again, live.querySelector("[data-busy]") ? BUSY_MS : IDLE_MS);
  }

  const frame = document.getElementById("card");
  if (frame) {
    const print = () => {
      try {
        frame.contentWindow.focus();
        frame.contentWindow.print();
      } catch {
        window.open(frame.src, "_blank", "noopener");
      }
      document.getElementById("out").focus();
    };
    frame.addEventListener("load", print, { once: true });
    document.getElementById("again").addEventListener("click", print);
  }
})();

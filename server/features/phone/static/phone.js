// The attendee's page: keeps itself on the phone, keeps the screen on, and keeps the programme true
// to the time. Without this script the badge is shown all the same.
(() => {
  "use strict";

  const main = document.querySelector("main");
  const words = JSON.parse(main.dataset.words);
  const status = document.getElementById("status");
  const ASK_MS = 30_000;
  const AWAKE_MS = 10 * 60_000; // since the phone was last touched
  const STALE_MS = 60 * 60_000; // how full a hall was then helps nobody now
  const said = {};

  const say = (key, on) => {
    said[key] = on;
    status.textContent = Object.keys(said).filter((one) => said[one]).map((one) => words[one]).join(" ");
  };

  // ---- kept on the phone
  const keepPage = async () => {
    if (!("serviceWorker" in navigator)) return;
    navigator.serviceWorker.addEventListener("message", ({ data }) => say("kept", data.kept));
    const work = await navigator.serviceWorker.register(main.dataset.worker, { scope: location.pathname });
    const { active } = work.active ? work : await navigator.serviceWorker.ready;
    active.postMessage("kept?");
  };

  // ---- the screen stays on while somebody waits at a door
  let lock = null, touched = Date.now();
  const stayAwake = async () => {
    if (!("wakeLock" in navigator) || document.visibilityState !== "visible" || lock) return;
    try {
      lock = await navigator.wakeLock.request("screen");
      lock.addEventListener("release", () => { lock = null; say("awake", false); });
      say("awake", true);
    } catch {
      // The battery is low, or this browser does not let pages do so.
    }
  };
  const touch = () => { touched = Date.now(); stayAwake(); };

  // ---- now, next, later, over
  const parts = Object.fromEntries(["now", "next", "later", "past"].map((id) => [id, document.getElementById(id)]));
  const sessions = parts.now ? [...document.querySelectorAll("li[data-start]")] : [];
  sessions.sort((a, b) => a.dataset.start - b.dataset.start);
  let shown = "";
  const arrange = () => {
    if (!sessions.length) return;
    const now = Date.now();
    const coming = sessions.filter((one) => one.dataset.start > now);
    const first = coming[0]?.dataset.start;
    const place = (one) => {
      if (one.dataset.end <= now) return "past";
      if (one.dataset.start <= now) return "now";
      return one.dataset.start === first ? "next" : "later";
    };
    const places = sessions.map(place);
    if (places.join() === shown) return;
    shown = places.join();
    for (const id of ["now", "next"]) {
      parts[id].querySelector("ul").replaceChildren(...sessions.filter((_, at) => places[at] === id));
    }
    for (const id of ["later", "past"]) {
      parts[id].querySelector(".days").replaceChildren(...days(sessions.filter((_, at) => places[at] === id)));
    }
    for (const id of Object.keys(parts)) parts[id].hidden = !places.includes(id);
    const left = sessions.filter((_, at) => places[at] !== "past");
    left.forEach((one, at) => one.classList.toggle("unprinted", at >= main.dataset.printed));
    document.getElementById("more").hidden = left.length <= main.dataset.printed;
    document.getElementById("past-count").textContent = places.filter((one) => one === "past").length;
  };
  const days = (those) => {
    const found = new Map();
    for (const one of those) {
      if (!found.has(one.dataset.day)) {
        const section = document.createElement("section");
        const title = document.createElement("h4");
        title.textContent = one.dataset.day;
        section.append(title, document.createElement("ul"));
        found.set(one.dataset.day, section);
      }
      found.get(one.dataset.day).lastChild.append(one);
    }
    return [...found.values()];
  };

  // ---- how full the halls are
  let known = Number(main.dataset.at), live = false;
  const language = document.documentElement.lang;
  const ago = (ms) => {
    const minutes = Math.max(1, Math.round(ms / 60_000));
    return new Intl.RelativeTimeFormat(language).format(-minutes, "minute");
  };
  const tellAge = () => {
    const age = document.getElementById("age");
    if (!age) return;
    const old = Date.now() - known;
    const any = document.querySelector("#now .state:not([hidden]), #next .state:not([hidden])");
    if (old > STALE_MS) for (const one of document.querySelectorAll(".state")) one.hidden = true;
    if (!any || old > STALE_MS) age.textContent = "";
    else if (live && old < 2 * ASK_MS) age.textContent = words.live;
    else age.textContent = (live ? words.age : words.offline).replace("{time}", ago(old));
  };
  const askHalls = async () => {
    if (document.visibilityState !== "visible") return;
    try {
      const answer = await fetch(main.dataset.halls, { cache: "no-store", redirect: "error" });
      if (answer.status === 410) return location.reload(); // the link is gone, and the page says so
      if (!answer.ok) throw new Error(answer.status);
      const told = await answer.json();
      for (const one of sessions) {
        const state = one.querySelector(".state");
        const word = told.halls[one.dataset.hall];
        state.hidden = !word;
        state.dataset.state = word ?? "";
        state.textContent = words[word] ?? "";
      }
      known = told.at;
      live = true;
    } catch {
      live = false;
    }
    document.body.classList.toggle("offline", !live);
    tellAge();
  };

  // ---- buttons that only some browsers have a use for
  const install = document.getElementById("install"), print = document.getElementById("print");
  addEventListener("beforeinstallprompt", (event) => {
    event.preventDefault();
    install.hidden = false;
    install.onclick = () => { install.hidden = true; event.prompt(); };
  });
  if (navigator.standalone === false) say("home", true); // Safari on a phone, not from its home screen
  print.hidden = false;
  print.onclick = () => window.print();

  for (const what of ["pointerdown", "keydown", "scroll"]) addEventListener(what, touch, { passive: true });
  document.addEventListener("visibilitychange", () => { touch(); arrange(); askHalls(); });
  addEventListener("online", askHalls);
  addEventListener("offline", askHalls);
  setInterval(() => {
    arrange();
    tellAge();
    if (Date.now() - touched > AWAKE_MS) lock?.release();
  }, 5_000);
  setInterval(askHalls, ASK_MS * (0.8 + Math.random() * 0.4));
  touch();
  arrange();
  askHalls();
  keepPage().catch(() => say("kept", false));
})();

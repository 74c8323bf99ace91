// Keeps a hall's screen fresh, and says so when its figures are old.
(() => {
  "use strict";

  const EVERY_MS = 5000;
  const OLD_MS = 20000;
  const ANEW_MS = 3600000; // The page itself may be a newer one.
  const part = document.getElementById("now");
  const old = document.getElementById("old");
  let freshAt = performance.now();

  const tellAge = () => {
    const isOld = performance.now() - freshAt > OLD_MS;
    if (isOld && old.hidden) {
      const time = document.getElementById("as-of").textContent;
      for (const line of old.children) line.textContent = line.dataset.text.replace("{time}", time);
    }
    old.hidden = !isOld;
    document.body.toggleAttribute("data-old", isOld);
  };

  const refresh = async () => {
    try {
      const answer = await fetch(document.body.dataset.part, { redirect: "error", signal: AbortSignal.timeout(EVERY_MS * 2) });
      if (answer.status === 404) { location.reload(); return; } // The link was revoked.
      if (answer.ok) {
        const html = await answer.text();
        // The text is escaped by our own server, and the page's policy lets no script in it run.
        if (part.innerHTML !== html) part.innerHTML = html;
        freshAt = performance.now();
        if (freshAt > ANEW_MS) { location.reload(); return; }
      }
    } catch {
      // The server is away, but the next attempt may reach it.
    }
    tellAge();
    setTimeout(refresh, EVERY_MS);
  };

  setInterval(tellAge, 1000);
  setTimeout(refresh, EVERY_MS);
})();

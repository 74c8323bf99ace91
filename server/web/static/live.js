// Keeps parts of a page fresh. `data-live` names a feed of changed parts, and `data-refresh` a part
// to fetch again.
(() => {
  "use strict";

  // The page has the words in its own language.
  const texts = document.getElementById("live-status")?.dataset ?? {};
  const words = (name) => texts[name] ?? "";

  const put = (id, html) => {
    const part = document.getElementById(id);
    if (!part) return false;
    const active = part.contains(document.activeElement) ? document.activeElement : null;
    const href = active?.getAttribute("href");
    const focused = active?.id ? `#${CSS.escape(active.id)}` : href && `a[href="${CSS.escape(href)}"]`;
    // The text is escaped by our own server, and the page's policy lets no script in it run.
    part.innerHTML = html;
    if (focused) part.querySelector(focused)?.focus();
    return true;
  };

  const follow = (url, status, halls) => {
    const source = new EventSource(url);
    let lost = null;
    const say = (kind, text) => {
      if (!status) return; // of the header's badge alone nothing is said
      status.className = `tag ${kind}`;
      status.textContent = text;
    };
    const clock = () => new Date().toTimeString().slice(0, 8);
    source.onmessage = (message) => {
      const parts = Object.entries(JSON.parse(message.data));
      const lacking = parts.filter(([id, html]) => !put(id, html)).map(([id]) => id);
      // The venue has a hall that was not there yet. Others are left out by choice.
      if (lacking.some((id) => !halls?.includes(id))) location.reload();
      lost = null;
      say("good", words("on"));
      if (status) status.title = words("last").replace("{time}", clock());
    };
    source.onopen = () => say("good", words("on"));
    source.onerror = () => {
      lost ??= clock();
      if (source.readyState === EventSource.CLOSED) say("bad", words("stopped").replace("{time}", lost));
      else say("bad", words("lost").replace("{time}", lost));
    };
  };

  const refresh = (part) => {
    const every = Number(part.dataset.every) || 2000;
    const again = async () => {
      try {
        const answer = await fetch(part.dataset.refresh, { headers: { Accept: "text/html" }, redirect: "error" });
        if (answer.ok) {
          const html = await answer.text();
          if (html !== part.dataset.last && !part.querySelector("input:checked")) put(part.id, html);
          part.dataset.last = html;
        }
      } catch {
        // The server is away, but the next attempt may reach it.
      }
      setTimeout(again, every);
    };
    setTimeout(again, every);
  };

  const status = document.getElementById("live-status");
  // A page's own feed brings the header's badge as well, so that one is enough.
  const feed = document.querySelector("main [data-live]") ?? document.querySelector("[data-live]");
  const halls = feed?.dataset.halls?.split(",").map((id) => `hall-${id}`);
  if (feed) follow(feed.dataset.live, status, halls);
  document.querySelectorAll("[data-refresh]").forEach(refresh);
})();

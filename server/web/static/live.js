// Keeps parts of a page fresh. `data-live` names a feed of changed parts, and `data-refresh` a part
// to fetch again.
(() => {
  "use strict";

  const put = (id, html) => {
    const part = document.getElementById(id);
    if (!part) return false;
    const focused = part.contains(document.activeElement) && document.activeElement.getAttribute("href");
    // The text is escaped by our own server, and the page's policy lets no script in it run.
    part.innerHTML = html;
    if (focused) part.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
    return true;
  };

  const follow = (url, status) => {
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
      const known = parts.map(([id, html]) => put(id, html));
      // The venue has a hall that this page lacks.
      if (known.includes(false)) location.reload();
      lost = null;
      say("good", "Live");
      if (status) status.title = `Last change shown at ${clock()}`;
    };
    source.onopen = () => say("good", "Live");
    source.onerror = () => {
      lost ??= clock();
      if (source.readyState === EventSource.CLOSED) say("bad", `Stopped at ${lost}: reload the page`);
      else say("bad", `Not live since ${lost}, trying again`);
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
  if (feed) follow(feed.dataset.live, status);
  document.querySelectorAll("[data-refresh]").forEach(refresh);
})();

// Keeps one attendee's page on their phone, so that it opens without a network. Its scope is that
// page alone, and so is what it keeps. The address of the page comes from the scope.
"use strict";

const PAGE = new URL(self.registration.scope).pathname;
const KEPT = `hallkeeper ${PAGE}`;
// At a door nobody waits for a network that is there and says nothing.
const WAIT_MS = 2500;
const MARK = "Hallkeeper-Page";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (request.mode === "navigate" && url.pathname === PAGE) event.respondWith(page(event));
  else if (url.pathname.startsWith("/static/")) event.respondWith(part(request));
});

// The page tells which files it is made of. Their addresses change with what is in them.
self.addEventListener("message", (event) => {
  event.waitUntil(keep(event.data.parts).then((whole) => event.source?.postMessage({ kept: whole })));
});

async function keep(parts) {
  const cache = await caches.open(KEPT);
  try {
    if (!(await cache.match(PAGE, { ignoreVary: true }))) await ask(cache, PAGE);
    for (const address of parts) {
      if (!(await cache.match(address))) await cache.add(address);
    }
    for (const { url } of await cache.keys()) {
      const own = new URL(url).pathname === PAGE;
      if (!own && !parts.includes(url)) await cache.delete(url);
    }
    return Boolean(await cache.match(PAGE, { ignoreVary: true }));
  } catch {
    return false;
  }
}

// Ask the server, and keep its answer: a badge, or that the link is gone. An answer of anybody in
// between bears no mark, and takes the place of nothing.
async function ask(cache, request) {
  const answer = await fetch(request);
  if (!answer.headers.has(MARK)) throw answer;
  await cache.put(PAGE, answer.clone());
  return answer;
}

async function page(event) {
  const cache = await caches.open(KEPT);
  const kept = await cache.match(PAGE, { ignoreVary: true });
  const asked = ask(cache, event.request);
  if (!kept) return asked.catch((other) => (other instanceof Response ? other : Response.error()));
  const late = new Promise((resolve) => setTimeout(resolve, WAIT_MS));
  // What comes too late is kept for the next time, and the page hears of a link that is gone.
  event.waitUntil(asked.catch(() => undefined));
  return (await Promise.race([asked.catch(() => undefined), late])) ?? kept;
}

async function part(request) {
  const cache = await caches.open(KEPT);
  return (await cache.match(request)) ?? fetch(request);
}

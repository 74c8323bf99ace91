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

// The page asks whether it is kept. When it was opened for the first time, this worker was not there
// yet to see it.
self.addEventListener("message", (event) => {
  event.waitUntil(isKept().then((kept) => event.source?.postMessage({ kept })));
});

async function isKept() {
  const cache = await caches.open(KEPT);
  try {
    if (!(await cache.match(PAGE, { ignoreVary: true }))) await keep(await ask(PAGE));
    return true;
  } catch {
    return false;
  }
}

// Ask the server. An answer of anybody in between bears no mark, and takes the place of nothing.
async function ask(request) {
  const answer = await fetch(request);
  if (!answer.headers.has(MARK)) throw answer;
  return answer;
}

// Keep an answer, which is a badge, or says that the link is gone. The files that it is made of come
// first, so that what is kept is whole. Their addresses change with what is in them.
async function keep(answer) {
  const cache = await caches.open(KEPT);
  const named = (await answer.clone().text()).matchAll(/ (?:href|src)="(\/static\/[^"]+)"/g);
  const parts = [...named].map(([, address]) => new URL(address, self.location).href);
  for (const part of parts) {
    if (!(await cache.match(part))) await cache.add(part);
  }
  await cache.put(PAGE, answer);
  for (const { url } of await cache.keys()) {
    if (new URL(url).pathname !== PAGE && !parts.includes(url)) await cache.delete(url);
  }
}

async function page(event) {
  const asked = ask(event.request).then((answer) => {
    event.waitUntil(keep(answer.clone()));
    return answer;
  });
  const kept = await (await caches.open(KEPT)).match(PAGE, { ignoreVary: true });
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

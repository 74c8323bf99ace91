// Keeps complete versions of the page's files, so that the door opens without a network. A file is
// kept only if its hash is right. The page decides when a version is prepared and taken into use
// (updates.mjs); this script changes nothing by itself, whichever version it is of.

const PAGE = "/door/";
const FILES = "/door/files/";
const INDEX = "/door/files.json";
const STATE = "hallkeeper-door"; // The cache with the version in use, and each complete version's index.
const AT_ONCE = 4;

const cacheOf = (version) => `hallkeeper-door-${version}`;
const indexOf = (version) => `${PAGE}complete/${version}`;

addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));

addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (url.origin !== location.origin || event.request.method !== "GET") return;
  if (url.pathname === PAGE) event.respondWith(page(event.request));
  else if (url.pathname.startsWith(FILES)) event.respondWith(file(event.request, url.pathname));
});

async function page(request) {
  const version = await read(`${PAGE}in-use`);
  const cache = version && (await caches.open(cacheOf(version)));
  const kept = cache && (await cache.match(`${FILES}${version}/door.html`));
  if (!kept) return fetch(request);
  const headers = new Headers(kept.headers);
  headers.delete("Content-Length");
  headers.delete("Content-Encoding");
  const text = (await kept.text()).replaceAll("%FILES%", `${FILES}${version}/`);
  return new Response(text, { headers });
}

async function file(request, path) {
  const version = path.slice(FILES.length).split("/")[0];
  return (await caches.match(path, { cacheName: cacheOf(version) })) || fetch(request);
}

addEventListener("message", (event) => {
  const [answer] = event.ports;
  const act = { prepare, take }[event.data.type];
  event.waitUntil(act(event.data.version).then(
    (done) => answer.postMessage(done),
    () => answer.postMessage({ version: null }),
  ));
});

// Fetches the server's newest version beside the one in use, and returns which it is. What an
// interrupted attempt left is used, and what the version before had, too.
async function prepare() {
  const index = await (await fetch(INDEX, { cache: "no-cache" })).json();
  const { version, files } = index;
  if (await read(indexOf(version))) return { version };
  const cache = await caches.open(cacheOf(version));
  const before = await previous();
  const waiting = Object.entries(files);
  const next = async () => {
    while (waiting.length > 0) {
      const [path, { sha256 }] = waiting.shift();
      await keep(cache, `${FILES}${version}/${path}`, sha256, before);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
  await write(indexOf(version), index);
  if (!(await read(`${PAGE}in-use`))) await write(`${PAGE}in-use`, version);
  return { version };
}

async function keep(cache, url, sha256, before) {
  if (await cache.match(url)) return;
  const same = before.get(sha256);
  const kept = same && (await caches.match(same));
  const integrity = `sha256-${btoa(String.fromCharCode(...bytesOf(sha256)))}`;
  // What the browser's own cache has may be damaged.
  const response = kept || (await fetch(url, { integrity }).catch(() => fetch(url, { integrity, cache: "reload" })));
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  await cache.put(url, response);
}

// The files of the version in use, by their hash.
async function previous() {
  const version = await read(`${PAGE}in-use`);
  const index = version && (await read(indexOf(version)));
  const files = Object.entries(index?.files ?? {});
  return new Map(files.map(([path, { sha256 }]) => [sha256, `${FILES}${version}/${path}`]));
}

// Takes a complete version into use, and deletes all others.
async function take(version) {
  if (!(await read(indexOf(version)))) return { version: null };
  await write(`${PAGE}in-use`, version);
  const state = await caches.open(STATE);
  for (const request of await state.keys()) {
    const path = new URL(request.url).pathname;
    if (path !== `${PAGE}in-use` && path !== indexOf(version)) await state.delete(request);
  }
  for (const name of await caches.keys()) {
    if (name.startsWith(cacheOf("")) && name !== cacheOf(version)) await caches.delete(name);
  }
  return { version };
}

async function read(path) {
  const found = await (await caches.open(STATE)).match(path);
  return found ? found.json() : null;
}

async function write(path, value) {
  await (await caches.open(STATE)).put(path, Response.json(value));
}

function bytesOf(hex) {
  return hex.match(/../g).map((pair) => parseInt(pair, 16));
}

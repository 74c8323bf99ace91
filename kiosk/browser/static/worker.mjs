// The phone's door, without its page: locks and opens what it needs, starts Python, and passes
// messages between Python and the page.

import { Keys } from "./keys.mjs";
import { send, stream } from "./network.mjs";
import { startPython } from "./python.mjs";
import { memoryStorage, openStorage } from "./storage.mjs";

const LOCK = "hallkeeper-door";
const LOCK_MS = 3000; // A page that was just closed or reloaded may still have it.
const LOCKED = new Set(["NoModificationAllowedError", "InvalidStateError"]);
const TRIES = 40;
const PAUSE_MS = 500;

const post = (message) => postMessage(message);
const waiting = []; // messages that came before Python was ready
let receive = (message) => waiting.push(message);
let starting = false;
let locked = false;
let python = null; // a promise of it

onmessage = ({ data }) => {
  if (data.type !== "start" || starting) {
    receive(data);
    return;
  }
  starting = true;
  start(data).catch((error) => {
    starting = false;
    post({ type: "failed", text: `${error.name}: ${error.message}` });
  });
};

// Waits until this is the only worker. The lock is held until the worker ends.
async function becomeOnly() {
  if (locked) return;
  const granted = new Promise((resolve, reject) => {
    const hold = () => {
      resolve(true);
      return new Promise(() => {});
    };
    navigator.locks.request(LOCK, hold).catch(reject);
  });
  const late = new Promise((resolve) => setTimeout(resolve, LOCK_MS));
  if (!(await Promise.race([granted, late]))) post({ type: "need", what: "other_tab" });
  locked = await granted;
}

async function start(message) {
  const files = new URL(message.files, location.origin).href;
  if (!navigator.locks || !globalThis.WebAssembly || !crypto.subtle) {
    post({ type: "need", what: "engine" });
    starting = false;
    return;
  }
  await becomeOnly();
  const steps = ["python", "storage", "kiosk", "door"];
  const onStep = (step) => post({ type: "progress", step, done: steps.indexOf(step), of: steps.length });
  const read = async (path) => {
    const response = await fetch(files + path);
    if (!response.ok) throw new Error(`${path}: ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  };
  onStep("python");
  python ??= load(`${files}vendor/pyodide/`);
  const [{ default: init }, { default: sodium }, keys] = await Promise.all([
    import(`${files}vendor/sqlite/sqlite3.mjs`),
    import(`${files}vendor/libsodium.mjs`),
    Keys.open(),
  ]);
  onStep("storage");
  await sodium.ready;
  const storage = await opened(init, `${files}vendor/sqlite/sqlite3.wasm`, keys);
  if (!storage) {
    post({ type: "need", what: "storage" });
    starting = false;
    return;
  }
  await python; // Meanwhile the browser may have asked a person whether it may keep the data.
  const api = {
    keys,
    persistent: storage.outlives && (await navigator.storage.persisted()),
    post: (json) => post(JSON.parse(json)),
    send,
    sodium,
    storage,
    stream,
  };
  const kiosk = await startPython({ loading: python, read, api, onStep });
  onStep("door");
  const phone = kiosk.pyimport("kiosk.browser.phone").Phone();
  receive = (received) => phone.receive(JSON.stringify(received));
  receive(message);
  for (const earlier of waiting.splice(0)) receive(earlier);
  await phone.run();
}

// Python alone. Its second script is fetched at the same time as the first, which imports it.
async function load(indexURL) {
  const [{ loadPyodide }] = await Promise.all([
    import(`${indexURL}pyodide.mjs`),
    import(`${indexURL}pyodide.asm.mjs`),
  ]);
  return loadPyodide({ indexURL });
}

// The databases; null if they can't be opened now. Only a phone that is no door yet may do without.
async function opened(init, wasm, keys) {
  for (let tries = 0; tries < TRIES; tries++) {
    try {
      return await openStorage(init, wasm);
    } catch (error) {
      // A worker that has just ended may still have the files.
      if (!LOCKED.has(error.name) && (await keys.isEmpty())) return memoryStorage(init, wasm);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
  return null;
}

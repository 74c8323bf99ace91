// The phone's door, without its page: locks and opens what it needs, starts Python, and passes
// messages between Python and the page.

import { Keys } from "./keys.mjs";
import { send, stream } from "./network.mjs";
import { startPython } from "./python.mjs";
import { memoryStorage, openStorage } from "./storage.mjs";

const LOCK = "hallkeeper-door";
const LOCKED = new Set(["NoModificationAllowedError", "InvalidStateError"]);
const TRIES = 10;
const PAUSE_MS = 500;

const post = (message) => postMessage(message);
const waiting = []; // messages that came before Python was ready
let receive = (message) => waiting.push(message);
let starting = false;
let locked = false;

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

// Whether this is the only worker. The lock is held until the worker ends.
async function isOnly() {
  locked ||= await lock();
  return locked;
}

function lock() {
  return new Promise((resolve, reject) => {
    const hold = (held) => {
      resolve(held !== null);
      return held === null ? undefined : new Promise(() => {});
    };
    navigator.locks.request(LOCK, { ifAvailable: true }, hold).catch(reject);
  });
}

async function start(message) {
  const files = new URL(message.files, location.origin).href;
  if (!navigator.locks || !globalThis.WebAssembly || !crypto.subtle) {
    post({ type: "need", what: "engine" });
    starting = false;
    return;
  }
  if (!(await isOnly())) {
    post({ type: "need", what: "other_tab" });
    starting = false;
    return;
  }
  const steps = ["storage", "python", "kiosk", "door"];
  const onStep = (step) => post({ type: "progress", step, done: steps.indexOf(step), of: steps.length });
  const read = async (path) => {
    const response = await fetch(files + path);
    if (!response.ok) throw new Error(`${path}: ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  };
  onStep("storage");
  const [{ default: init }, { loadPyodide }, { default: sodium }, keys] = await Promise.all([
    import(`${files}vendor/sqlite/sqlite3.mjs`),
    import(`${files}vendor/pyodide/pyodide.mjs`),
    import(`${files}vendor/libsodium.mjs`),
    Keys.open(),
  ]);
  await sodium.ready;
  const storage = await opened(init, `${files}vendor/sqlite/sqlite3.wasm`);
  if (!storage) {
    post({ type: "need", what: "storage" });
    starting = false;
    return;
  }
  const api = {
    keys,
    persistent: storage.outlives && (await navigator.storage.persisted()),
    post: (json) => post(JSON.parse(json)),
    send,
    sodium,
    storage,
    stream,
  };
  const indexURL = `${files}vendor/pyodide/`;
  const python = await startPython({ loadPyodide, indexURL, read, api, onStep });
  onStep("door");
  const phone = python.pyimport("kiosk.browser.phone").Phone();
  receive = (received) => phone.receive(JSON.stringify(received));
  receive(message);
  for (const earlier of waiting.splice(0)) receive(earlier);
  await phone.run();
}

// The databases; null if the browser has them but they can't be opened now.
async function opened(init, wasm) {
  for (let tries = 0; tries < TRIES; tries++) {
    try {
      return await openStorage(init, wasm);
    } catch (error) {
      // A worker that has just ended may still have the files.
      if (!LOCKED.has(error.name)) return memoryStorage(init, wasm);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
  return null;
}

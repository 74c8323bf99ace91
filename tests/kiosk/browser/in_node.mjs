// Runs a Python script in Node as in the phone's worker, and prints its `result` as JSON:
//   node in_node.mjs VENDOR KIOSK_ZIP SCRIPT
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { startPython } from "../../../kiosk/browser/static/python.mjs";
import { memoryStorage } from "../../../kiosk/browser/static/storage.mjs";

const [vendor, archive, script] = process.argv.slice(2);
const url = (path) => pathToFileURL(join(vendor, path)).href;

// Node's fetch reads no files.
globalThis.fetch = async (address) =>
  new Response(await readFile(new URL(address)), { headers: { "Content-Type": "application/wasm" } });

const [{ default: init }, { loadPyodide }, { default: sodium }] = await Promise.all(
  ["sqlite/sqlite3.mjs", "pyodide/pyodide.mjs", "libsodium.mjs"].map((path) => import(url(path))),
);
await sodium.ready;
const storage = await memoryStorage(init, url("sqlite/sqlite3.wasm"));
const read = async (path) =>
  new Uint8Array(await readFile(path === "kiosk.zip" ? archive : join(vendor, path.replace("vendor/", ""))));
const python = await startPython({
  loading: loadPyodide({ indexURL: join(vendor, "pyodide/") }),
  read,
  api: { storage, sodium },
});
await python.runPythonAsync(await readFile(script, "utf8"));
console.log(python.runPython("import json; json.dumps(result)"));

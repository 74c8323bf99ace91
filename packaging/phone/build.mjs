// Run by `fetch` in build/phone, beside node_modules, wheels and kiosk.zip: writes ./vendor, which becomes
// kiosk/browser/vendor. The same inputs give the same bytes.
//
//   files/          served to phones, most with a .br beside
//   kiosk-HASH.zip  kiosk.zip compiled; HASH is of the sources
//   libraries.json  for the SBOM; their licences are in licences/
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";
import { build } from "esbuild";
import { loadPyodide } from "pyodide";

// Of the standard library: what a phone can't use, and what serves programmers alone.
const LEFT_OUT = [
  "test", "unittest", "idlelib", "tkinter", "turtle.py", "turtledemo", "lib2to3", "ensurepip", "venv", "pydoc.py", "pydoc_data", "pdb.py",
];
// One ES module for each library, with its WebAssembly beside it.
const BUNDLES = {
  "noble.mjs": `
    export { ed25519 } from "@noble/curves/ed25519.js";
    export { xsalsa20poly1305 } from "@noble/ciphers/salsa.js";
    export { argon2id, argon2idAsync } from "@noble/hashes/argon2.js";`,
  "sqlite/sqlite3.mjs": 'export { default } from "@sqlite.org/sqlite-wasm";',
  "zxing/reader.mjs": 'export * from "zxing-wasm/reader";',
};
const COPIES = {
  "pyodide/pyodide.mjs": "pyodide/pyodide.mjs",
  "pyodide/pyodide.asm.mjs": "pyodide/pyodide.asm.mjs",
  "pyodide/pyodide.asm.wasm": "pyodide/pyodide.asm.wasm",
  "sqlite/sqlite3.wasm": "@sqlite.org/sqlite-wasm/dist/sqlite3.wasm",
  "zxing/zxing_reader.wasm": "zxing-wasm/dist/reader/zxing_reader.wasm",
};
const NOTHING_PACKED = 2000; // bytes below which brotli is not worth a second file

function put(name, content) {
  const path = join("vendor", name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

function putFile(name, content) {
  put(`files/${name}`, content);
  if (content.length >= NOTHING_PACKED) put(`files/${name}.br`, brotli(content));
}

function brotli(content) {
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: Number(process.argv[2]), [constants.BROTLI_PARAM_LGWIN]: 24,
    [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
  };
  return brotliCompressSync(content, { params });
}

const hash = (algorithm, content) => createHash(algorithm).update(content).digest("hex");
const wheels = readdirSync("wheels").filter((name) => name.endsWith(".whl")).sort();

rmSync("vendor", { recursive: true, force: true });
for (const [name, source] of Object.entries(COPIES)) putFile(name, readFileSync(join("node_modules", source)));
for (const [name, contents] of Object.entries(BUNDLES)) {
  const bundled = await build({
    stdin: { contents, resolveDir: "." }, bundle: true, minify: true, format: "esm", platform: "browser", target: "es2022",
    legalComments: "inline", logLevel: "warning", write: false,
  });
  putFile(name, bundled.outputFiles[0].contents);
}

// Pyodide compiles, because its Python is the phone's.
const python = await loadPyodide({ indexURL: "node_modules/pyodide/" });
const unpack = (path, folder) => python.unpackArchive(new Uint8Array(readFileSync(path)), "zip", { extractDir: `/in/${folder}` });
unpack("node_modules/pyodide/python_stdlib.zip", "stdlib");
unpack("kiosk.zip", "kiosk");
for (const wheel of wheels) unpack(join("wheels", wheel), "python");
python.runPython(readFileSync("compile.py", "utf8"));
const pack = python.globals.get("pack");
const packed = (folder, leftOut, optimize) => {
  pack(`/in/${folder}`, `/${folder}.zip`, leftOut, optimize);
  return python.FS.readFile(`/${folder}.zip`);
};
putFile("pyodide/python_stdlib.zip", packed("stdlib", LEFT_OUT, 2));
putFile("python.zip", packed("python", [], 2));
const kiosk = packed("kiosk", [], 0); // with its assertions, as on other kiosks
const name = `kiosk-${hash("sha256", readFileSync("kiosk.zip")).slice(0, 16)}.zip`;
put(name, kiosk);
put(`${name}.br`, brotli(kiosk));

const libraries = [];
for (const [path, entry] of Object.entries(JSON.parse(readFileSync("package-lock.json")).packages)) {
  if (path === "" || entry.dev) continue;
  const name = path.replace(/^.*node_modules\//, "");
  const [algorithm, digest] = entry.integrity.split("-");
  libraries.push({
    name, version: entry.version, licence: entry.license, purl: `pkg:npm/${name.replace("@", "%40")}@${entry.version}`,
    hashes: { [algorithm.replace("sha", "SHA-")]: Buffer.from(digest, "base64").toString("hex") },
  });
  for (const file of readdirSync(path).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file)))
    put(`licences/${name.replace("/", "-")}-${file}`, readFileSync(join(path, file)));
}
put("libraries.json", JSON.stringify(libraries, null, 1) + "\n");

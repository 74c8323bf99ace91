// Run by `fetch` in build/phone, beside node_modules, wheels and kiosk.zip: writes ./vendor, which becomes
// kiosk/browser/vendor. The same inputs give the same bytes.
//
//   files/          served to phones, most with a .br beside
//   kiosk-HASH.zip  kiosk.zip compiled; HASH is of the sources
//   libraries.json  for the SBOM; their licences are in licences/
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";
import { build } from "esbuild";
import { loadPyodide } from "pyodide";

// Of the standard library: what a phone can't use, and what serves programmers alone.
const LEFT_OUT = [
  "test", "unittest", "idlelib", "tkinter", "turtle*", "lib2to3", "ensurepip", "venv", "pydoc*", "pdb.py", "bdb.py", "doctest.py",
  "_pyrepl", "code.py", "cmd.py", "profile.py", "cProfile.py", "pstats.py", "timeit.py", "trace.py", "pickletools.py",
  "modulefinder.py", "pyclbr.py", "tabnanny.py", "symtable.py", "zipapp.py", "compileall.py", "argparse.py", "optparse.py", "getopt.py",
  "_ast_unparse.py", "difflib.py", "rlcompleter.py", "configparser.py", "tomllib", "plistlib.py", "wave.py", "sqlite3", "dbm",
  "shelve.py", "statistics.py", "_pyio.py", "_pydatetime.py", "_pydecimal.py", "multiprocessing", "ctypes", "xml",
  "xmlrpc", "html", "wsgiref", "mailbox.py", "ftplib.py", "smtplib.py", "imaplib.py", "poplib.py", "socketserver.py", "webbrowser.py",
  "pty.py", "antigravity.py", "concurrent/futures/process.py", "http/server.py", "json/tool.py", "logging/config.py",
  "asyncio/windows_*", "asyncio/proactor_events.py", "asyncio/tools.py", "asyncio/__main__.py", "pyodide/console.py",
  "encodings/cp[0-35-9]*", "encodings/cp4[!3]*", "encodings/mac_*", "encodings/iso*", "encodings/koi8*", "encodings/big5*", "encodings/euc_*", "encodings/gb*",
  "encodings/hz.py", "encodings/johab.py", "encodings/shift_*", "encodings/tis_620.py", "encodings/hp_roman8.py",
  "encodings/palmos.py", "encodings/ptcp154.py", "encodings/kz1048.py",
];
// One ES module for each library, with its WebAssembly beside it.
const BUNDLES = {
  "libsodium.mjs": 'export { default } from "libsodium-wrappers-sumo";',
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

const packages = new Set(); // whose files phones get
const note = (path) => packages.add(path.match(/node_modules\/((?:@[^/]+\/)?[^/]+)/)?.[1]);

rmSync("vendor", { recursive: true, force: true });
for (const [name, source] of Object.entries(COPIES)) {
  note(`node_modules/${source}`);
  putFile(name, readFileSync(join("node_modules", source)));
}
for (const [name, contents] of Object.entries(BUNDLES)) {
  const bundled = await build({
    stdin: { contents, resolveDir: "." }, bundle: true, minify: true, format: "esm", platform: "browser", target: "es2022",
    legalComments: "inline", logLevel: "warning", metafile: true, write: false,
  });
  Object.keys(bundled.metafile.inputs).forEach(note);
  putFile(name, bundled.outputFiles[0].contents);
}

// Pyodide asks for a lock of packages. We load none of them.
const lock = JSON.parse(readFileSync("node_modules/pyodide/pyodide-lock.json"));
putFile("pyodide/pyodide-lock.json", JSON.stringify({ ...lock, packages: {} }));

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
  const name = path.replace(/^.*node_modules\//, "");
  if (!packages.has(name)) continue;
  const [algorithm, digest] = entry.integrity.split("-");
  libraries.push({
    name, version: entry.version, licence: entry.license, purl: `pkg:npm/${name.replace("@", "%40")}@${entry.version}`,
    hashes: { [algorithm.replace("sha", "SHA-")]: Buffer.from(digest, "base64").toString("hex") },
  });
  const { homepage } = JSON.parse(readFileSync(join(path, "package.json")));
  const texts = readdirSync(path).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file));
  const place = `licences/${name.replace("/", "-")}`;
  for (const file of texts) put(`${place}-${file}`, readFileSync(join(path, file)));
  if (!texts.length) put(`${place}-LICENCE`, `${name} ${entry.version}: ${entry.license}. Text and source: ${homepage}\n`);
}
for (const wheel of wheels) {
  const [name, version] = wheel.split("-");
  const licence = { msgspec: "BSD-3-Clause", tzdata: "Apache-2.0" }[name];
  const hashes = { "SHA-256": hash("sha256", readFileSync(join("wheels", wheel))) };
  libraries.push({ name, version, licence, purl: `pkg:pypi/${name}@${version}?file_name=${wheel}`, hashes });
  for (const path of python.runPython(`import glob; glob.glob("/in/python/${name}-*.dist-info/**/LICENSE*", recursive=True)`).toJs())
    put(`licences/${name}-${basename(path)}`, python.FS.readFile(path));
}
// Within pyodide.asm.wasm and python_stdlib.zip.
const [cpython] = python.runPython("import sys; sys.version").split(" ");
libraries.push({ name: "cpython", version: cpython, licence: "Python-2.0", purl: `pkg:generic/cpython@${cpython}`, hashes: {} });
put("licences/cpython-LICENCE", `CPython ${cpython}: PSF License. Text and source: https://docs.python.org/3/license.html\n`);
put("libraries.json", JSON.stringify(libraries, null, 1) + "\n");

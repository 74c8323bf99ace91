// Starts Python with the kiosk's code, in a browser's worker and in Node.

const FOLDER = "/kiosk";
const FILE_HEADER = 0x04034b50; // of each file in a zip
const SUBSTITUTES = `
import sys
sys.path.insert(0, "${FOLDER}")
from kiosk.browser import libsodium, sqlite
sys.modules["sqlite3"] = sqlite
libsodium.install()
`;

// `loading` is Python from `loadPyodide`. `read(path)` gives a file's bytes. `api` becomes the Python
// module `hallkeeper_js`; it has at least `storage` and `sodium`.
export async function startPython({ loading, read, api, onStep = () => {} }) {
  const archives = [read("vendor/python.zip"), read("kiosk.zip")];
  const python = await loading;
  onStep("kiosk");
  for (const archive of archives) unpack(python.FS, await archive);
  python.registerJsModule("hallkeeper_js", api);
  python.runPython(SUBSTITUTES);
  return python;
}

// Unpacks a zip without compression. Pyodide's `unpackArchive` does it in Python, for which a phone
// needs four times as long.
function unpack(FS, zip) {
  const view = new DataView(zip.buffer, zip.byteOffset);
  const text = new TextDecoder();
  const folders = new Set();
  for (let at = 0; view.getUint32(at, true) === FILE_HEADER; ) {
    const [method, size] = [view.getUint16(at + 8, true), view.getUint32(at + 22, true)];
    if (method !== 0) throw new Error("a file in the archive is compressed");
    const nameAt = at + 30;
    const nameEnd = nameAt + view.getUint16(at + 26, true);
    const path = `${FOLDER}/${text.decode(zip.subarray(nameAt, nameEnd))}`;
    const folder = path.slice(0, path.lastIndexOf("/"));
    if (!folders.has(folder)) FS.mkdirTree(folder);
    folders.add(folder);
    const begin = nameEnd + view.getUint16(at + 28, true);
    at = begin + size;
    FS.writeFile(path, zip.subarray(begin, at), { canOwn: true });
  }
}

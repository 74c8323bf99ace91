// Starts Python with the kiosk's code, in a browser's worker and in Node.

const FOLDER = "/kiosk";
const SUBSTITUTES = `
import sys
sys.path.insert(0, "${FOLDER}")
from kiosk.browser import libsodium, sqlite
sys.modules["sqlite3"] = sqlite
libsodium.install()
`;

// `read(path)` gives a file's bytes. `api` becomes the Python module `hallkeeper_js`; it has at
// least `storage` and `sodium`. `onStep` is called before each step.
export async function startPython({ loadPyodide, indexURL, read, api, onStep = () => {} }) {
  onStep("python");
  const archives = [read("vendor/python.zip"), read("kiosk.zip")];
  const python = await loadPyodide({ indexURL });
  onStep("kiosk");
  for (const archive of archives) {
    python.unpackArchive(await archive, "zip", { extractDir: FOLDER });
  }
  python.registerJsModule("hallkeeper_js", api);
  python.runPython(SUBSTITUTES);
  return python;
}

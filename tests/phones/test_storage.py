"""A start that finds the phone's files locked leaves them as they are."""

import functools
import http.server
import threading
from pathlib import Path

from tests.phones.chromium import Chromium, needed
from tests.phones.storage_kills import ROOT, Files

PAGE = """<!doctype html><title>storage</title><script type="module">
const worker = new Worker("/worker.mjs", { type: "module" });
worker.onmessage = ({ data }) => { self.result = data; };
worker.onerror = (event) => { self.result = event.message ?? "failed"; };
</script>"""
WORKER = """
import init from "/vendor/files/sqlite/sqlite3.mjs";
import { openStorage } from "/static/storage.mjs";
const wasm = "/vendor/files/sqlite/sqlite3.wasm";
if (location.pathname === "/first.mjs") {
  const database = (await openStorage(init, wasm)).open("/journal.db");
  database.run("CREATE TABLE scan (seq INTEGER)");
  database.run("INSERT INTO scan VALUES (7)");
  database.close();
  postMessage("stored");
} else {
  // The last worker has one of the files for a moment more.
  const { prototype } = FileSystemFileHandle;
  const real = prototype.createSyncAccessHandle;
  let locked = null;
  prototype.createSyncAccessHandle = function () {
    locked ??= this.name.startsWith(".opfs") ? null : this.name;
    if (this.name === locked) throw new DOMException("", "NoModificationAllowedError");
    return real.call(this);
  };
  let refused = "";
  try {
    await openStorage(init, wasm);
  } catch (error) {
    refused = error.name;
  }
  prototype.createSyncAccessHandle = real;
  const database = (await openStorage(init, wasm)).open("/journal.db");
  let found = [];
  try {
    found = database.run("SELECT seq FROM scan");
  } catch {
    found = ["lost"];
  }
  postMessage(`${refused} ${found}`);
}
"""


def test_locked_files_are_not_deleted(tmp_path: Path) -> None:
    needed()
    made = {
        "/page.html": PAGE.encode(),
        "/first.html": PAGE.replace("worker.mjs", "first.mjs").encode(),
        "/worker.mjs": WORKER.encode(),
        "/first.mjs": WORKER.encode(),
    }
    handler = type("Handler", (Files,), {"made": made})
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(handler, directory=str(ROOT))
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    chromium = Chromium(tmp_path)
    try:
        assert _result(chromium, f"http://127.0.0.1:{server.server_port}/first.html") == "stored"
        result = _result(chromium, f"http://127.0.0.1:{server.server_port}/page.html")
        assert result == "NoModificationAllowedError 7"
    finally:
        chromium.close()
        server.shutdown()
        thread.join()
        server.server_close()


def _result(chromium: Chromium, address: str) -> str:
    target = chromium.call("Target.createTarget", url=address)["targetId"]
    session = chromium.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def result() -> str | None:
        answer = chromium.call(
            "Runtime.evaluate", session, expression="self.result", returnByValue=True
        )
        return answer["result"].get("value")

    text = chromium.wait("the worker", result)
    chromium.call("Target.closeTarget", targetId=target)
    return text

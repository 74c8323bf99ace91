"""Ends a worker that writes scans to a phone's storage, thousands of times, at random moments.

`python -m tests.phones.storage_kills --times 5000`. The worker runs the statements of a real
kiosk's scans on the phone's own SQLite and files, without Python, whose start takes most of a
phone's start. Each commit that it reported must be in the database that the next worker opens.
"""

import argparse
import base64
import functools
import http.server
import json
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from kiosk.journal import schema
from tests.kiosk.support import door_fixture as fixture
from tests.phones.chromium import Chromium

ROOT = Path(__file__).parents[2] / "kiosk" / "browser"
SCANS = 150
PAGE = """<!doctype html><meta charset="utf-8"><title>storage</title>
<script type="module">
const times = %TIMES%;
const count = { ended: 0, reported: 0, missing: 0, damaged: 0, whole: 0 };
let last = 0;
const life = () => 10 + Math.random() * 150;

function once() {
  return new Promise((done) => {
    const worker = new Worker("/worker.mjs", { type: "module" });
    worker.onmessage = ({ data }) => {
      if (data.found !== undefined) {
        if (data.found < last) {
          count.missing += last - data.found;
          (count.losses ??= []).push([last, data.found]);
        }
        if (data.check !== "ok") count.damaged += 1;
        last = data.found;
        setTimeout(() => { worker.terminate(); count.ended += 1; done(); }, life());
      } else if (data.seq !== undefined) {
        count.reported += 1;
        last = data.seq;
      } else if (data.whole) {
        count.whole += 1; // Now the worker deletes the database, and begins again.
        last = 0;
        worker.postMessage("begin again");
      } else self.failure = data.error;
    };
    worker.onerror = (event) => { self.failure = event.message; };
  });
}

for (let n = 0; n < times; n++) {
  await once();
  self.count = { ...count };
}
self.finished = true;
</script>"""
WORKER = """
import init from "/vendor/files/sqlite/sqlite3.mjs";
import { openStorage } from "/static/storage.mjs";

const trace = await (await fetch("/trace.json")).json();
const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const value = (given) => (given !== null && typeof given === "object" ? bytes(given.bytes) : given);
const run = (database, [sql, parameters]) => database.run(sql, ...parameters.map(value));

// The last worker's files may be locked for a moment.
async function opened() {
  for (let attempt = 0; ; attempt++) {
    try {
      return await openStorage(init, "/vendor/files/sqlite/sqlite3.wasm");
    } catch (error) {
      if (attempt === 2400) throw error;
      await new Promise((done) => setTimeout(done, 25));
    }
  }
}

try {
  const storage = await opened();
  let database = storage.open("/journal.db");
  for (const statement of trace.settings) run(database, statement);
  const [there] = run(database, ["SELECT COUNT(*) FROM sqlite_schema WHERE name = 'scan'", []]);
  const seq = there ? run(database, ["SELECT coalesce(max(seq), 0) FROM scan", []])[0] : 0;
  const [check] = run(database, ["PRAGMA integrity_check(1)", []]);
  postMessage({ found: seq, check });
  if (seq === trace.scans.length) {
    postMessage({ whole: true });
    await new Promise((done) => { onmessage = done; }); // so that the page knows
    database.close();
    storage.remove("/journal.db");
    database = storage.open("/journal.db");
    for (const statement of trace.settings) run(database, statement);
  }
  if (!there || seq === trace.scans.length) {
    for (const statement of trace.begin) run(database, statement);
  }
  for (let next = seq % trace.scans.length; next < trace.scans.length; next++) {
    for (const statement of trace.scans[next]) run(database, statement);
    postMessage({ seq: next + 1 });
    await new Promise((done) => setTimeout(done, 2)); // A phone reads the next code meanwhile.
  }
} catch (error) {
  postMessage({ error: `${error.message} ${error.stack}` });
}
"""


class Recorded:
    """A journal's connection that notes its statements."""

    def __init__(self, path: Path, statements: list[Any]) -> None:
        self._connection = schema.connect(path)
        self._statements = statements

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    def execute(self, sql: str, parameters: Any = (), /) -> Any:
        self._statements.append([sql, [_plain(value) for value in parameters]])
        return self._connection.execute(sql, parameters)

    def close(self) -> None:
        self._connection.close()


def _plain(value: Any) -> Any:
    return {"bytes": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def trace(directory: Path) -> dict[str, Any]:
    """The statements of a new journal, and of each of many scans."""
    statements: list[Any] = []
    kept = fixture.Journal
    pragmas = schema.without_wal(schema.PRAGMAS)
    fixture.Journal = functools.partial(  # type: ignore[misc]
        kept, connect=lambda path: Recorded(path, statements), pragmas=pragmas
    )
    try:
        door = fixture.LocalDoor(directory, fixture.Clock())
        door.load(holders=[])
        door.grant(SCANS)
        begin = [s for s in statements if not s[0].startswith("PRAGMA") or "user_version =" in s[0]]
        scans = []
        for serial in range(1, SCANS + 1):
            statements.clear()
            door.present(fixture.badge(serial))
            scans.append(statements.copy())
            door.clock.pass_ms(3_000)
        door.journal.close()
        door.replica.close()
    finally:
        fixture.Journal = kept  # type: ignore[misc]
    settings = [[f"PRAGMA {name} = {wished}", []] for name, wished, _ in pragmas]
    return {"settings": settings, "begin": begin, "scans": scans}


class Files(http.server.SimpleHTTPRequestHandler):
    made: dict[str, bytes]

    def do_GET(self) -> None:
        content = self.made.get(self.path)
        if content is None:
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(self.path))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


Files.extensions_map |= {".mjs": "text/javascript", ".wasm": "application/wasm"}


def run(times: int, minutes: float, folder: Path) -> dict[str, Any]:
    made = {
        "/page.html": PAGE.replace("%TIMES%", str(times)).encode(),
        "/worker.mjs": WORKER.encode(),
        "/trace.json": json.dumps(trace(folder)).encode(),
    }
    handler = type("Handler", (Files,), {"made": made})
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(handler, directory=str(ROOT))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    chromium = Chromium(folder)
    try:
        address = f"http://127.0.0.1:{server.server_port}/page.html"
        target = chromium.call("Target.createTarget", url=address)["targetId"]
        session = chromium.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

        def look(name: str) -> Any:
            answer = chromium.call(
                "Runtime.evaluate", session, expression=f"self.{name}", returnByValue=True
            )
            return answer["result"].get("value")

        ends = time.monotonic() + minutes * 60
        while not look("finished") and time.monotonic() < ends:
            chromium.pass_time(1.0)
            assert look("failure") is None, look("failure")
        return dict(look("count"))
    finally:
        chromium.close()
        server.shutdown()
        server.server_close()


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.phones.storage_kills", description=__doc__
    )
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=600, help="at most")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="phones-") as folder:
        count = run(asked.times, asked.minutes, Path(folder))
    sys.stdout.write(json.dumps(count) + "\n")
    return 1 if count["missing"] or count["damaged"] else 0


if __name__ == "__main__":
    sys.exit(main())

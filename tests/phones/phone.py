"""A phone at a door: its browser's home, the page, and everything that its worker told the page."""

import contextlib
import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.phones.chromium import Chromium, Session, picture, trust
from tests.server.support.authority import Authority

PORTRAIT, LANDSCAPE = (390, 844), (844, 390)
# Reports each message of the page's workers to the test before the page shows it.
WATCH = """
(() => {
  const Real = self.Worker;
  self.proofWorkers = [];
  self.Worker = class extends Real {
    constructor(url, ...words) {
      super(url, ...words);
      if (!String(url).includes("/worker.mjs")) return;
      self.proofWorkers.push(this);
      this.addEventListener("message", ({ data }) => this.report(data));
    }
    postMessage(message, ...words) {
      const now = performance.timeOrigin + performance.now();
      if (message.type === "seen" && message.codes.length > 0) this.began = message.at;
      if (message.type === "post" && message.path === "/text") this.began = now;
      super.postMessage(message, ...words);
    }
    report(data) {
      const number = data?.event?.answers?.[0]?.number ?? 0;
      if (number > (this.number ?? 0)) {
        this.number = number;
        const ms = performance.timeOrigin + performance.now() - this.began;
        self.proof(JSON.stringify({ type: "took", ms }));
      }
      if (data?.type && data.type !== "beat") self.proof(JSON.stringify(data));
    }
  };
})();
"""
IS_STORED = """
(async () => {
  const state = await caches.open("hallkeeper-door");
  return Boolean(await state.match("/door/in-use"));
})()
"""
GREEN = ("admit", "look")
PERMISSIONS = ("videoCapture", "wakeLockScreen")


@dataclass(frozen=True)
class Shown:
    """An answer that the page was given to show."""

    seq: int
    tone: str
    direction: str
    badge: str | None  # its number
    at: int

    @property
    def green(self) -> bool:
        return self.tone in GREEN


@dataclass
class Phone:
    """Close it."""

    home: Path
    address: str  # of the server, as the phone knows it
    authority: Authority
    persistent: bool = True  # the browser keeps its storage
    flags: tuple[str, ...] = ()
    within: tuple[str, ...] = ()
    shown: list[Shown] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    chromium: Chromium | None = None
    kiosk: str = ""  # its name, once it is enrolled
    workers: list[Session] = field(default_factory=list)  # to speak with the worker itself
    session: Session = ""
    target: str = ""
    crashed: bool = False
    _numbers: int = 0

    def __post_init__(self) -> None:
        if not self.home.exists():
            self.home.mkdir(parents=True)
            trust(self.home, self.authority)

    # Its life.

    def start(self, code: str = "") -> None:
        """Open the browser and the page; with a code, as after its QR was scanned."""
        self.chromium = Chromium(self.home, self.flags, self.within)
        self.chromium.listen(self._hear)
        setting = "granted" if self.persistent else "denied"
        for name, value in (("persistent-storage", setting), ("camera", "granted")):
            self.chromium.call(
                "Browser.setPermission", permission={"name": name}, setting=value,
                origin=self.address,
            )  # fmt: skip
        self.open(code)

    def open(self, code: str = "") -> Session:
        """Open the page in a new tab, which becomes the one that is watched."""
        here = self.browser
        target = here.call("Target.createTarget", url="about:blank")["targetId"]
        session = here.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.session, self.target, self._numbers = session, target, 0
        for method in ("Inspector.enable", "Page.enable", "Runtime.enable"):
            here.call(method, session)
        here.call("Runtime.addBinding", session, name="proof")
        here.call("Page.addScriptToEvaluateOnNewDocument", session, source=WATCH)
        here.call(
            "Target.setAutoAttach", session, autoAttach=True, waitForDebuggerOnStart=False,
            flatten=True,
        )  # fmt: skip
        self.resize(PORTRAIT)
        here.call("Page.navigate", session, url=f"{self.address}/door/{'#' + code if code else ''}")
        return str(session)

    def close_tab(self) -> None:
        self.browser.call("Target.closeTarget", targetId=self.target)

    def reload(self) -> None:
        self._numbers = 0
        self.browser.call("Page.reload", self.session)

    @property
    def browser(self) -> Chromium:
        assert self.chromium is not None
        return self.chromium

    def close(self) -> None:
        if self.chromium is not None:
            self.chromium.close()
            self.chromium = None

    def kill_browser(self) -> None:
        self.browser.kill()
        self.chromium = None

    def kill_renderers(self) -> None:
        """The tab shows that its page has crashed, and can be reloaded."""
        self.crashed = False
        for pid in self.browser.renderers():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.browser.wait("the crash", lambda: self.crashed)

    def end_worker(self) -> None:
        """Terminate the page's worker at once, in the middle of its work."""
        self.script("self.proofWorkers.forEach((worker) => worker.terminate())")

    def copy(self, home: Path) -> "Phone":
        """Another phone with a copy of this one's storage."""
        shutil.copytree(self.home, home, ignore=shutil.ignore_patterns("Singleton*"))
        return Phone(home, self.address, self.authority, self.persistent, self.flags, self.within)

    # The page.

    def _hear(self, session: Session | None, method: str, words: dict[str, Any]) -> None:
        if method == "Inspector.targetCrashed" and session == self.session:
            self.crashed = True
        if method == "Target.attachedToTarget" and "/worker.mjs" in words["targetInfo"]["url"]:
            self.workers.append(words["sessionId"])
        if method != "Runtime.bindingCalled" or words["name"] != "proof":
            return
        message = json.loads(words["payload"])
        self.messages.append(message)
        if message["type"] == "ready":  # also of a page that has opened itself again
            self._numbers = 0
        if message["type"] == "state":
            self._note(message["event"])

    def _note(self, event: dict[str, Any]) -> None:
        for answer in reversed(event["answers"]):
            if answer["number"] > self._numbers:
                self._numbers = answer["number"]
                self.shown.append(
                    Shown(**{name: answer[name] for name in Shown.__dataclass_fields__})
                )

    def of_type(self, name: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["type"] == name]

    @property
    def status(self) -> dict[str, Any]:
        """The newest one; empty before the first."""
        for message in reversed(self.messages):
            if message["type"] == "state":
                return dict(message["event"]["status"])
        return {}

    @property
    def took_ms(self) -> list[float]:
        """From each typed code, or from its picture, until the page had the answer."""
        return [message["ms"] for message in self.of_type("took")]

    def wait(self, event: str, check: Callable[[], object], **words: Any) -> None:
        """Its failure shows the page, which may be the browser's own about an error."""
        try:
            self.browser.wait(f"{event}; last {self.messages[-1:]}", check, **words)
        except AssertionError as error:
            raise AssertionError(f"{error}; page {self.text!r}") from None

    def wait_ready(self) -> None:
        begun = len(self.messages)
        self.wait("the door", lambda: any(m["type"] == "state" for m in self.messages[begun:]))

    def becomes_ready(self, within_s: float) -> bool:
        begun = len(self.messages)
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            if any(message["type"] == "state" for message in self.messages[begun:]):
                return True
            self.browser.pass_time(0.05)
        return False

    def is_stored(self) -> bool:
        """Whether the service worker has noted a complete version."""
        return bool(self.script(IS_STORED, wait=True))

    def present(self, text: str) -> None:
        """As a hand scanner types it. The answer comes later."""
        message = {"type": "post", "id": 0, "path": "/text", "body": {"text": text, "keys": []}}
        self.tell(message)

    def answer_to(self, text: str) -> Shown:
        before = len(self.shown)
        self.present(text)
        self.wait("an answer", lambda: len(self.shown) > before)
        return self.shown[before]

    def turn(self, direction: str) -> None:
        """Staff choose "entry" or "exit"."""
        body = {"direction": direction}
        self.tell({"type": "post", "id": 0, "path": "/direction", "body": body})
        self.wait(direction, lambda: self.status.get("direction") == direction)

    def tell(self, message: dict[str, Any]) -> None:
        self.browser.send(
            "Runtime.evaluate", self.session,
            expression=f"self.proofWorkers.at(-1).postMessage({json.dumps(message)})",
        )  # fmt: skip

    def script(self, source: str, *, wait: bool = False) -> Any:
        answer = self.browser.call(
            "Runtime.evaluate", self.session, expression=source, returnByValue=True,
            awaitPromise=wait,
        )  # fmt: skip
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def move_clock(self, ms: int) -> None:
        """Set the phone's clock by `ms`. It moves for the worker, which runs the door."""
        self.browser.call(
            "Runtime.evaluate", self.workers[-1],
            expression=f"{{ const right = Date.now; Date.now = () => right() + {ms}; }}",
        )  # fmt: skip

    @property
    def text(self) -> str:
        return str(self.script("document.body.innerText"))

    def resize(self, size: tuple[int, int]) -> None:
        self.browser.call(
            "Emulation.setDeviceMetricsOverride", self.session, width=size[0], height=size[1],
            deviceScaleFactor=2, mobile=True,
        )  # fmt: skip

    def shot(self, path: Path) -> None:
        picture(self.browser, self.session, path)


def close_all(phones: Iterable[Phone]) -> None:
    for phone in phones:
        phone.close()

"""The phone's page in a headless Chromium with a film as its camera."""

import json
from typing import Any

from tests.browser.page import Page
from tests.browser.phone.site import Site

UPRIGHT, LYING = (390, 844), (844, 390)
SIZES = (UPRIGHT, (390, 640), (360, 600), LYING, (740, 340))

# Parts outside of the window or of their holder, parts that hide another, and texts wider than
# themselves.
CUT = """
const cut = [];
const box = (part) => part.getBoundingClientRect();
const name = (part) => part.id || part.className?.baseVal || part.className || part.tagName;
const inside = (part, holder) => {
  const [inner, outer] = [box(part), holder ? box(holder)
    : { left: 0, top: 0, right: innerWidth, bottom: innerHeight }];
  if (!part.checkVisibility() || !inner.width || !inner.height) return;
  if (part.matches(".aside, .lost, .dwell, .tool-words")) return;
  if (inner.left < outer.left - 1 || inner.right > outer.right + 1 ||
      inner.top < outer.top - 1 || inner.bottom > outer.bottom + 1)
    cut.push(`${name(part)} is out of ${holder ? name(holder) : "the window"}`);
  const ends = getComputedStyle(part);
  if (part.children.length === 0 && part.clientWidth && part.scrollWidth > part.clientWidth + 1
      && ends.textOverflow !== "ellipsis" && ends.webkitLineClamp === "none")
    cut.push(`${name(part)} is wider`);
};
const begin = document.getElementById("begin");
if (!begin.hidden) for (const part of begin.querySelectorAll("h1, p"))
  if (part.textContent.trim() && part.clientHeight < 12) cut.push(`${name(part)} is flat`);
const roots = begin.hidden ? ["#hall", "#door", "#free", "#direction", "nav button", "main",
  "footer", "#last li"] : ["#begin > *"];
for (const css of roots) for (const part of document.querySelectorAll(css)) inside(part, null);
for (const part of document.querySelectorAll("#answer > *, #holder > *"))
  inside(part, document.getElementById("answer"));
const shown = ["#hall", "#door", "#free", "#direction", "nav", "#main", "#last", "#state"]
  .map((css) => document.querySelector(css))
  .filter((part) => begin.hidden && part.checkVisibility());
for (const [at, one] of shown.entries()) for (const other of shown.slice(at + 1)) {
  const [a, b] = [box(one), box(other)];
  if (a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1)
    cut.push(`${name(one)} is over ${name(other)}`);
}
return cut;
"""
TELL = "window.toDoor ??= new BroadcastChannel('door'); toDoor.postMessage(arguments[0]);"


class PhonePage(Page):
    """The open page of a site, at the size of a phone."""

    def __init__(self, browser: Any, site: Site) -> None:
        super().__init__(browser, site.url, "")
        self.site = site

    def load(self, fragment: str = "", query: str = "") -> "PhonePage":
        """Load the page anew, with its service worker and all that it remembers."""
        self.site.sent.clear()
        self.browser.get("about:blank")
        self.browser.get(self.url + query + (f"#{fragment}" if fragment else ""))
        self.wait("the start", lambda: self.site.of("start"))
        return self

    def begin(self) -> "PhonePage":
        """Open the door."""
        self.wait("the door", lambda: self.shown("#begin-do") or not self.shown("#begin"))
        if self.shown("#begin"):
            self.click("#begin-do")
        self.wait("the door", lambda: not self.shown("#begin"))
        return self

    def shown(self, css: str) -> bool:
        return bool(
            self.script("return document.querySelector(arguments[0])?.checkVisibility()", css)
        )

    def tell(self, message: dict[str, Any]) -> None:
        """Send the page a message of its door."""
        self.script(TELL, message)

    def look_again(self) -> None:
        """Have the page look for a new version, and say that no scan waits."""
        self.script("dispatchEvent(new Event('online'))")
        self.tell({"type": "idle", "update_allowed": True})

    def show(self, message: dict[str, Any], tone: str = "") -> None:
        self.tell(message)
        if tone:
            self.wait(tone, lambda: self.tone == tone)

    def cut(self) -> list[str]:
        return list(self.script(CUT))

    def resize(self, size: tuple[int, int], drawn: float = 1.0) -> "PhonePage":
        screen = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": True}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        return self

    def permit(self, setting: str) -> None:
        """The browser's answer about its camera: "granted", "denied" or "prompt"."""
        permission = {"permission": {"name": "camera"}, "setting": setting}
        self.browser.execute_cdp_cmd("Browser.setPermission", permission)

    def forget(self) -> None:
        """Delete all that the browser keeps for the page."""
        origin = self.url.removesuffix("/door/")
        self.browser.get("about:blank")
        self.browser.execute_cdp_cmd(
            "Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "all"}
        )

    def texts(self) -> str:
        return json.dumps(self.script("return document.body.innerText"), ensure_ascii=False)

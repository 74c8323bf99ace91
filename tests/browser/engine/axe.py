"""Lets axe-core look at the page that is open in a browser."""

import json
from collections.abc import Sequence
from typing import Any

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Those of them that look at colours.
COLOUR_RULES = ["color-contrast", "link-in-text-block"]
# Without `preload`, axe-core reads all styles anew for a rule that is none of these.
RUN = """
const done = arguments[arguments.length - 1];
axe.run(document, { runOnly: arguments[0], resultTypes: ["violations"],
                    preload: { assets: ["media"] } })
  .then((found) => done(JSON.stringify(found.violations.map((one) => (
    { rule: one.id, impact: one.impact, where: one.nodes.map((n) => n.target.join(" ")) }
  )))));
"""
LAYOUT = """
return [...document.querySelectorAll("body, body *")].map((one) => {
  const box = one.getBoundingClientRect();
  return [one.tagName, box.x, box.y, box.width, box.height, one.checkVisibility()].join();
}).join(";");
"""
# A page that turns dark may do so by and by.
SETTLED = """
const done = arguments[arguments.length - 1];
const underWay = document.getAnimations().filter((one) => one instanceof CSSTransition);
Promise.allSettled(underWay.map((one) => one.finished)).then(() => done());
"""


def turn(browser: Any, scheme: str) -> None:
    """Let the page be light or dark, and wait until it is."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.execute_async_script(SETTLED)


def know(browser: Any, axe: str) -> None:
    """Let the window have axe-core, where it has not."""
    if not browser.execute_script("return typeof axe === 'object'"):
        browser.execute_cdp_cmd("Runtime.evaluate", {"expression": axe})


def faults(browser: Any, axe: str, rules: Sequence[str] = RULES) -> list[dict[str, Any]]:
    know(browser, axe)
    return list(json.loads(browser.execute_async_script(RUN, list(rules))))


def layout(browser: Any) -> str:
    """Where each part of the page is. Where it is the same as before, only colours can differ."""
    return str(browser.execute_script(LAYOUT))

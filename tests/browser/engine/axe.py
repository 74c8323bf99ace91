"""Runs axe-core on the open page of a browser."""

import json
from collections.abc import Sequence
from typing import Any

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# The colour rules among them.
COLOUR_RULES = ["color-contrast", "link-in-text-block"]
# Without `preload`, axe-core rereads all styles for a rule outside this list.
RUN = """
const done = arguments[arguments.length - 1];
if (typeof axe !== "object") return done(null);
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
# A page may turn dark gradually.
SETTLED = """
const done = arguments[arguments.length - 1];
const underWay = document.getAnimations().filter((one) => one instanceof CSSTransition);
Promise.allSettled(underWay.map((one) => one.finished)).then(() => done());
"""


def turn(browser: Any, scheme: str) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.execute_async_script(SETTLED)


def faults(browser: Any, axe: str, rules: Sequence[str] = RULES) -> list[dict[str, Any]]:
    """The faults by the named rules, or by the rules with one of these tags."""
    violations = browser.execute_async_script(RUN, list(rules))
    if violations is None:  # The window has no axe-core yet.
        browser.execute_cdp_cmd("Runtime.evaluate", {"expression": axe})
        violations = browser.execute_async_script(RUN, list(rules))
    return list(json.loads(violations))


def layout(browser: Any) -> str:
    """The position of each part of the page. While it stays the same, only colours can differ."""
    return str(browser.execute_script(LAYOUT))

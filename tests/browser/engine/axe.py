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
const rules = Object.fromEntries(arguments[1].map((id) => [id, { enabled: false }]));
axe.run(document, { runOnly: arguments[0], rules, resultTypes: ["violations"],
                    preload: { assets: ["media"] } })
  .then((found) => done(JSON.stringify(found.violations.map((one) => (
    { rule: one.id, impact: one.impact, where: one.nodes.map((n) => n.target.join(" ")) }
  )))));
"""
OTHERS = """
const [tags, impacts] = arguments;
const impact = new Map(axe._audit.rules.map((one) => [one.id, one.impact]));
return axe.getRules(tags).map((one) => one.ruleId)
  .filter((id) => impact.get(id) && !impacts.includes(impact.get(id)));
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


def faults(
    browser: Any, axe: str, rules: Sequence[str] = RULES, without: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """The faults by the named rules, or by the rules with one of these tags, except those in
    `without`.
    """
    asked = list(rules), list(without)
    violations = browser.execute_async_script(RUN, *asked)
    if violations is None:  # The window has no axe-core yet.
        _know(browser, axe)
        violations = browser.execute_async_script(RUN, *asked)
    return list(json.loads(violations))


def rules_but(browser: Any, axe: str, impacts: Sequence[str]) -> list[str]:
    """The rules whose faults are less grave. Each rule has one impact for all its faults."""
    _know(browser, axe)
    return list(browser.execute_script(OTHERS, RULES, list(impacts)))


def _know(browser: Any, axe: str) -> None:
    browser.execute_cdp_cmd("Runtime.evaluate", {"expression": axe})


def layout(browser: Any) -> str:
    """The position of each part of the page. While it stays the same, only colours can differ."""
    return str(browser.execute_script(LAYOUT))

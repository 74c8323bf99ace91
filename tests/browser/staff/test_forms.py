"""Marks of required fields, and a port that follows its encryption."""

from pathlib import Path
from typing import Any

import pytest

from tests.browser.staff.test_staff_pages import STATIC, show
from tests.browser.staff.test_staff_pages import pages as pages
from tests.server.support.pages import Pages

MARK = "return getComputedStyle(document.querySelector(arguments[0]), '::after').content"
CHOOSE = """
const [security, port] = ["security", "port"].map((id) => document.getElementById(id));
if (arguments[1]) port.value = arguments[1];
security.value = arguments[0];
security.dispatchEvent(new Event("change"));
return port.value;
"""


def run(browser: Any, script: str) -> None:
    browser.execute_script(STATIC[script].read_text("utf-8"))


def test_a_required_tick_is_marked(browser: Any, tmp_path: Path, pages: Pages) -> None:
    text = pages.staff("admin").get("/admin/mail/?who=due").text
    show(browser, tmp_path / "mail.html", text)
    assert "*" in browser.execute_script(MARK, 'form[action$="/start"] .check span')
    assert "*" not in browser.execute_script(MARK, "label[for=limit]")


def test_an_optional_tick_of_a_required_field_is_not(
    browser: Any, tmp_path: Path, pages: Pages
) -> None:
    show(browser, tmp_path / "account.html", pages.staff("admin").get("/admin/account/").text)
    run(browser, "account.js")
    assert "*" in browser.execute_script(MARK, "label[for=chosen]")
    assert "*" not in browser.execute_script(MARK, ".field label.check")


@pytest.mark.parametrize(
    ("security", "typed", "port"),
    [("tls", "", "465"), ("none", "", "25"), ("starttls", "465", "587"), ("tls", "2525", "2525")],
)
def test_another_encryption_brings_its_port_unless_the_port_is_an_own_one(
    browser: Any, tmp_path: Path, pages: Pages, security: str, typed: str, port: str
) -> None:
    text = pages.staff("admin").get("/admin/mail/settings").text.replace("2525", "587")
    show(browser, tmp_path / "settings.html", text)
    run(browser, "mail_settings.js")
    assert browser.execute_script(CHOOSE, security, typed) == port

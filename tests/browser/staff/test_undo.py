"""Undo and dismissal of the last change keep what is typed in an open form."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from server.core.staff import users
from server.features import editing
from server.web import auth
from tests.bench.load.load import venue
from tests.browser.organiser import Organiser
from tests.server.support.signing import sign_in
from tests.system.support.site import LiveSite, now_ms

BANNER = "#last-edit"
SCRIPT = Path(editing.__file__).parent / "static/undo.js"


@pytest.fixture
def organiser(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Organiser]:
    """An admin in a browser, with a hall that is just added."""
    with closing(LiveSite(tmp_path_factory.mktemp("undo"), venue(9, 1), 1)) as site:
        password = users.make_password()
        hashed = users.hash_password(password)
        site.write(
            lambda db: users.add_user(db, "organiser", "admin", hashed, by="test", now=now_ms())
        )
        _, token = sign_in(site.database, "organiser", password, now=now_ms())
        site.write(lambda db: db.execute("UPDATE staff_user SET must_change = 0"))
        site.database.give_back()
        site.start_server()
        address = f"https://127.0.0.1:{site.port}"
        browser.get(f"{address}/admin/sign-in")
        browser.add_cookie({"name": auth.COOKIE, "value": token, "path": "/", "secure": True})
        opened = Organiser(browser, address)
        opened.go("/admin/venue/hall/new")
        opened.fill(name="Annexe", capacity="20")
        opened.press("Add")
        opened.wait("the banner", lambda: browser.find_elements("css selector", BANNER))
        yield opened


def test_an_open_form_keeps_what_is_typed(organiser: Organiser) -> None:
    organiser.go("/admin/venue/hall/new")
    organiser.fill(name="Second hall")
    organiser.at(f"{BANNER} button").click()
    organiser.wait("undo", lambda: "Undone: Hall Annexe: added" in organiser.text)
    assert organiser.field("name").get_attribute("value") == "Second hall"
    organiser.at(f"{BANNER} [action$=dismiss] button").click()
    organiser.wait("dismissal", lambda: "Dismiss" not in organiser.text)
    assert organiser.field("name").get_attribute("value") == "Second hall"


def test_the_banner_goes_from_an_open_page_in_time(organiser: Organiser) -> None:
    """The page's own script is run again with a banner that is about to end."""
    browser = organiser.browser
    browser.execute_script(f"document.querySelector('{BANNER}').dataset.endsInMs = '1'")
    browser.execute_script(f"document.querySelector('{BANNER} a').focus()")
    browser.execute_script(SCRIPT.read_text("utf-8"))
    browser.execute_async_script("setTimeout(arguments[0], 50)")
    assert browser.find_elements("css selector", BANNER)  # It has the focus.
    browser.execute_script("document.activeElement.blur()")
    organiser.wait("the end", lambda: not browser.find_elements("css selector", BANNER))

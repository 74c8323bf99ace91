"""A browser at the badge desk: signed in at a real server, it fills in the forms of its pages."""

import http.client
import os
import ssl
from html.parser import HTMLParser
from typing import Self
from urllib.parse import urlencode

from badges.credential.badge_number import badge_number
from server.core.staff import users
from server.web import auth
from tests.server.support.signing import sign_in
from tests.system.support.site import LiveSite, now_ms

_PASSWORD = "correct-horse-42"


class Form(HTMLParser):
    """The initial fields of a page's form that is sent to `action`."""

    def __init__(self, page: str, action: str, here: str) -> None:
        super().__init__()
        self.fields: list[tuple[str, str]] = []
        self._action, self._here = action, here
        self._inside = False
        self._select = ""
        self.feed(page)
        assert self.fields, f"{here} has no form that is sent to {action}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        of = dict(attrs)
        if tag == "form":
            self._inside = of.get("action", self._here) == self._action
        if not self._inside:
            return
        name, value = of.get("name") or "", of.get("value") or ""
        if tag == "select":
            self._select = name
        ticked = of.get("type") not in ("checkbox", "radio") or "checked" in of
        if (tag == "input" and name and ticked) or (tag == "option" and "selected" in of):
            self.fields.append((name or self._select, value))

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "form"

    def filled(self, **changes: str) -> str:
        """The form's body with some fields changed or added."""
        kept = [pair for pair in self.fields if pair[0] not in changes]
        return urlencode([*kept, *changes.items()])


class Desk:
    """Use it in a `with`. For one thread."""

    def __init__(self, place: LiveSite, role: str = "badge_desk") -> None:
        name = f"desk-{os.urandom(3).hex()}"
        hashed = users.hash_password(_PASSWORD)
        place.write(lambda db: users.add_user(db, name, role, hashed, by="test", now=now_ms()))
        _, token = sign_in(place.database, name, _PASSWORD, now=now_ms())
        self._cookies = {auth.COOKIE: token}
        self._origin = f"https://{place.address[0]}:{place.address[1]}"
        # Kiosks pin the server's certificate. Here the same machine is enough.
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self._server = http.client.HTTPSConnection(*place.address, timeout=240, context=context)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()

    def correct(self, serial: int, **fields: str) -> None:
        self._send(f"{_page(serial)}/edit", f"{_page(serial)}/edit", **fields)

    def reissue(self, serial: int, reason: str) -> None:
        self._send(_page(serial), f"{_page(serial)}/reissue", reason=reason, confirm="yes")

    def give_day_credential(self, serial: int, day: int) -> None:
        form = {"day": str(day), "confirm": "yes"}
        self._send(_page(serial), f"{_page(serial)}/day-credential", **form)

    def erase(self, serial: int) -> None:
        person = f"/admin/privacy/person/{badge_number(serial)}"
        self._send(person, f"{person}/erase", confirm="yes")

    def _send(self, page: str, action: str, **fields: str) -> None:
        status, shown = self._ask("GET", page)
        assert status == 200, (page, status)
        status, answer = self._ask("POST", action, Form(shown, action, page).filled(**fields))
        assert status == 303, (action, status, answer)

    def _ask(self, method: str, target: str, body: str | None = None) -> tuple[int, str]:
        headers = {
            "Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items()),
            "Referer": f"{self._origin}/",
        }
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        self._server.request(method, target, body, headers)
        answer = self._server.getresponse()
        for line in answer.headers.get_all("Set-Cookie", []):
            name, _, value = line.partition(";")[0].partition("=")
            self._cookies[name] = value
        return answer.status, answer.read().decode()


def _page(serial: int) -> str:
    return f"/admin/people/{badge_number(serial)}"

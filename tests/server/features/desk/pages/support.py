"""A clerk with a browser: opens desk pages, and presses their buttons."""

import re
from dataclasses import dataclass
from html import unescape
from typing import Any
from urllib.parse import quote

from werkzeug.test import TestResponse

from badges.credential.badge_number import badge_number
from server.core.people import attendees
from server.core.people.attendees import Attendee
from server.features.desk import submissions
from server.features.desk.pages import forms
from tests.server.support.pages import Pages, Staff

FORM = re.compile(r"<form\b(?P<head>[^>]*)>(?P<body>.*?)</form>", re.S)
FIELD = re.compile(r"<input\b[^>]*>")


@dataclass
class DeskClerk:
    pages: Pages
    staff: Staff
    desk: str = "North 2"

    def __post_init__(self) -> None:
        self.staff.client.set_cookie(
            forms.COOKIE, quote(self.desk), domain="localhost", secure=True, httponly=True
        )

    def get(self, target: str, **more: Any) -> TestResponse:
        return self.staff.get(f"/desk{target}", **more)

    def page(self, external_id: str) -> str:
        return f"/person/{self.number(external_id)}"

    def number(self, external_id: str) -> str:
        return badge_number(self.pages.serial(external_id))

    def person(self, external_id: str) -> Attendee:
        return attendees.attendee(self.pages.database.reader, self.pages.serial(external_id))

    def fields(self, target: str, action: str) -> dict[str, str]:
        """The fields of the form to that address on a page opened now."""
        page = self.get(target)
        assert page.status_code == 200, page.status
        return fields_of(page.text, f"/desk{action}")

    def press(self, target: str, action: str, **more: object) -> TestResponse:
        """Open a page, and send its form to that address."""
        values = self.fields(target, action)
        return self.send(action, {**values, **more})

    def send(self, action: str, values: dict[str, object]) -> TestResponse:
        return self.staff.post(f"/desk{action}", values)

    def said(self) -> str:
        """The notices on the next page."""
        page = self.get("/").text
        notices = re.findall(r'<p class="notice (?:good|bad)"[^>]*>(.*?)</p>', page, re.S)
        return " ".join(unescape(notice) for notice in notices)

    def mark(self, external_id: str) -> str:
        return submissions.mark(self.pages.database.reader, self.pages.serial(external_id))


def fields_of(page: str, action: str) -> dict[str, str]:
    """The hidden and filled fields of the form to an address."""
    for form in FORM.finditer(page):
        head = re.search(r'action="([^"]*)"', form["head"])
        if head is None or unescape(head[1]) == action:
            fields = dict(map(_field, FIELD.findall(form["body"])))
            fields.pop("", None)
            return fields
    raise AssertionError(f"no form is sent to {action}")


def _field(text: str) -> tuple[str, str]:
    name = re.search(r'\bname="([^"]*)"', text)
    value = re.search(r'\bvalue="([^"]*)"', text)
    if 'type="radio"' in text and " checked" not in text:
        return "", ""
    return (name[1] if name else "", unescape(value[1]) if value else "")

"""Forty cases of the badge desk, by keyboard and scanner alone: keystrokes, scans and seconds.

A scan is the code and Enter of a hand scanner. The seconds are the system's: nothing is typed at a
person's speed. Each case ends when the page shows that it is done.
"""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from badges.credential.badge_number import badge_number
from server.core.people import attendees, cards, issuing
from server.storage.connection import Connection
from tests.bench.console.desk import browsing
from tests.browser.desk.place import DELEGATE, Keyboard, Place, desk_place
from tests.system.support.site import now_ms

GUESTS = 40
TABS_MAX = 40
MORE = (
    # given name, family name, organisation, e-mail, telephone, order number, country
    ("Anna", "Kowalska", "Gdynia Port", "anna.k@gdynia.example", "", "", "PL"),
    ("نور الدين", "العلي", "Port of Alexandria", "", "", "", "EG"),
    ("Muhammad", "Al-Farisi", "Muscat Port", "", "", "", "OM"),
    ("Ewa", "Ivanova", "Varna Port", "", "", "", "BG"),
    ("静", "陈", "上海港务集团", "chenjing@port.example", "13812345678", "ORD-1001", "CN"),
    ("静", "陈", "上海港务集团", "jing.chen@port.example", "13899991111", "ORD-1002", "CN"),
    ("Maria", "Santos", "Lisbon Port", "maria@a.example", "351912345678", "", "PT"),
    ("Maria", "Santos", "Lisbon Port", "m.santos@b.example", "351987654321", "", "BR"),
)


class Counting(Keyboard):
    """Counts keys and scans."""

    keys = 0
    scans = 0

    def key(self, text: str, key: str = "", code: int = 0) -> None:
        self.keys += 1
        super().key(text, key, code)

    def scan(self, code: str) -> None:
        before = self.keys
        self.type(code)
        self.enter()
        self.keys, self.scans = before, self.scans + 1
        self.at("person")

    def find(self, text: str, *hits: str) -> None:
        """Type a search, and wait for these people."""
        self.type(text)
        self.wait("the hits", lambda: self.hits()[: len(hits)] == list(hits))

    def open(self, page: str = "person") -> None:
        self.enter()
        self.at(page)
        self.guarded()

    def press(self, text: str) -> None:
        """Tab to a button or link by its text, and press Enter."""
        script = "return document.activeElement.textContent.trim()"
        for _ in range(TABS_MAX):
            if str(self.browser.execute_script(script)).startswith(text):
                self.enter()
                return
            self.tab()
        raise AssertionError(f"no Tab leads to {text}: {self.text}")

    def says(self, text: str) -> None:
        self.wait(text, lambda: text in self.text)


@dataclass(frozen=True)
class Case:
    name: str
    do: Callable[[Counting, Place], None]


def serials(place: Place, *, given: str = "", family: str = "") -> list[int]:
    rows = place.site.query(
        f"SELECT serial FROM attendee WHERE given_name = '{given}' AND family_name = '{family}'"
        " ORDER BY serial"
    )
    return [row[0] for row in rows]


def code(place: Place, serial: int, issue: int = 1) -> str:
    table = "badge UNION ALL SELECT serial, issue, credential FROM withdrawn_badge"
    (row,) = place.site.query(
        f"SELECT credential FROM (SELECT serial, issue, credential FROM {table})"
        f" WHERE serial = {serial} AND issue = {issue}"
    )
    return str(row[0])


def printed_beforehand(place: Place, chosen: Sequence[int]) -> None:
    def step(db: Connection) -> None:
        issuing.issue_missing(db, place.site.event, now=now_ms(), by="user:9")
        badges = [issuing.current_badge(db, serial) for serial in chosen]
        cards.note_printed(db, cards.read(db, place.site.event, badges), by="user:9", now=now_ms())

    place.site.write(step)


def reissued(place: Place, serial: int, reason: str = "lost") -> None:
    place.site.write(
        lambda db: issuing.reissue(
            db, place.site.event, serial, reason=reason, now=now_ms(), by="user:9"
        )
    )


def print_by(text: str, *hits: str) -> Callable[[Counting, Place], None]:
    def do(clerk: Counting, place: Place) -> None:
        before = len(place.zpl.printed)
        clerk.find(text, *hits)
        clerk.open()
        clerk.enter()
        clerk.at("home")
        clerk.wait("the card", lambda: len(place.zpl.printed) > before)

    return do


def collect_by(number: int, how: str) -> Callable[[Counting, Place], None]:
    def do(clerk: Counting, place: Place) -> None:
        serial = place.site.serial(number)
        if how == "name":
            clerk.find(f"number {number}", f"Guest Number {number}")
            clerk.open()
        else:
            clerk.scan(code(place, serial) if how == "card" else badge_number(serial))
            clerk.guarded()
        clerk.enter()
        clerk.at("home")
        clerk.says("is handed over")

    return do


def undo(text: str) -> Callable[[Counting, Place], None]:
    def do(clerk: Counting, _place: Place) -> None:
        clerk.press("Undo")
        clerk.says(text)

    return do


def twin(text: str, hits: Sequence[str], wanted: str) -> Callable[[Counting, Place], None]:
    """Open the right one of two people of one name by what the hits show."""

    def do(clerk: Counting, _place: Place) -> None:
        clerk.find(text, *hits)
        script = (
            "return [...document.querySelectorAll('#hits li')]"
            ".findIndex((one) => one.textContent.includes(arguments[0]))"
        )
        place_of = clerk.browser.execute_script(script, wanted)
        assert place_of >= 0, clerk.text
        for _ in range(place_of):
            clerk.down()
        clerk.open()
        clerk.escape()
        clerk.at("home")

    return do


def void(number: int, prepare: Callable[[Place, int], None], *texts: str) -> Callable[..., None]:
    def do(clerk: Counting, place: Place) -> None:
        serial = place.site.serial(number)
        scanned = code(place, serial)
        prepare(place, serial)
        clerk.scan(scanned)
        for text in ("is void", *texts):
            assert text in clerk.text, clerk.text
        assert "✓" not in clerk.text
        clerk.escape()
        clerk.at("home")

    return do


def new_badge(number: int, button: str) -> Callable[[Counting, Place], None]:
    def do(clerk: Counting, place: Place) -> None:
        before = len(place.zpl.printed)
        clerk.find(f"number {number}", f"Guest Number {number}")
        clerk.open()
        clerk.press(button)
        clerk.at("new-badge")
        clerk.guarded()
        clerk.enter()
        clerk.at("home")
        clerk.wait("the card", lambda: len(place.zpl.printed) > before)

    return do


def spelt(text: str, name: str) -> Callable[[Counting, Place], None]:
    def do(clerk: Counting, _place: Place) -> None:
        clerk.find(text, name)
        clerk.open()
        clerk.escape()
        clerk.at("home")

    return do


def walk_in(clerk: Counting, _place: Place) -> None:
    clerk.type("Ingrid Sol")
    clerk.says("No one found")
    clerk.enter()
    clerk.wait("the button", lambda: clerk.focused == "walk-in")
    clerk.enter()
    clerk.at("walk-in")
    clerk.tab()
    clerk.type("Dahl")
    for _ in range(5):
        clerk.tab()
    clerk.space()
    clerk.enter()
    clerk.at("home")


def corrected(clerk: Counting, _place: Place) -> None:
    clerk.find("number 38", "Guest Number 38")
    clerk.open()
    clerk.press("Correct…")
    clerk.at("correct")
    for _ in range(5):
        clerk.tab()
    clerk.type("guest38@port.example")
    clerk.enter()
    clerk.says("The badge stays valid")


def other(number: int, button: str, says: str) -> Callable[[Counting, Place], None]:
    def do(clerk: Counting, _place: Place) -> None:
        clerk.find(f"number {number}", f"Guest Number {number}")
        clerk.open()
        clerk.press(button)
        clerk.says(says)

    return do


def revoked(place: Place, serial: int) -> None:
    place.site.write(
        lambda db: issuing.revoke(db, serial, reason="conduct", now=now_ms(), by="user:9")
    )


CASES = (
    Case("print: by name", print_by("number 1", "Guest Number 1")),
    Case("print: by name in Han", print_by("柳子衿", "柳子衿")),
    Case("print: by pinyin", print_by("wangwei 清华", "王伟")),
    Case("print: by the family name alone", print_by("mueller", "Zoë Müller-Lüdenscheidt")),
    Case("print: by organisation", print_by("laem chabang", "ปรียา สุขใจ")),
    *(Case(f"collect by name ({n})", collect_by(n, "name")) for n in (12, 13, 14)),
    *(Case(f"collect by the card's code ({n})", collect_by(n, "card")) for n in (15, 16, 17)),
    *(Case(f"collect by the badge number ({n})", collect_by(n, "number")) for n in (18, 19)),
    Case("collect: undo", undo("is undone")),
    Case("twins: 陈静, by e-mail", twin("chenjing", ["陈静", "陈静"], "jin…@po")),
    Case("twins: 陈静, by telephone", twin("陈静", ["陈静", "陈静"], "…678")),
    Case("twins: 陈静, by order", twin("陈静", ["陈静", "陈静"], "ORD-1002")),
    Case("twins: Santos, by e-mail", twin("santos", ["Maria Santos"] * 2, "m.s…@b.")),
    Case("twins: Santos, by telephone", twin("maria santos", ["Maria Santos"] * 2, "…678")),
    Case("twins: Santos, by country", twin("santos maria", ["Maria Santos"] * 2, "Brazil")),
    Case("void: replaced, lost", void(20, reissued, "Reason: Lost", "Valid is badge 2")),
    Case(
        "void: replaced, stolen",
        void(21, lambda place, serial: reissued(place, serial, "stolen"), "Reason: Stolen"),
    ),
    Case("void: revoked", void(22, revoked, "Reason: Conduct", "no valid badge")),
    Case("void: twice replaced", void(20, reissued, "Valid is badge 3")),
    Case("void: misprint", void(23, lambda p, s: reissued(p, s, "misprint"), "Misprint")),
    Case("new badge: lost", new_badge(24, "Lost")),
    Case("new badge: undo", undo("is undone")),
    Case("new badge: stolen", new_badge(25, "Stolen")),
    Case("new badge: damaged", new_badge(26, "Damaged")),
    Case("new badge: misprint", new_badge(27, "Misprint")),
    Case("new badge: changed", new_badge(28, "Name or")),
    Case("new badge: undo after the print", undo("is undone")),
    Case("spelling: Kowalsky", spelt("kowalsky", "Anna Kowalska")),
    Case("spelling: noor al ali", spelt("noor al ali", "نور الدين العلي")),
    Case("spelling: mohamed alfarisi", spelt("mohamed alfarisi", "Muhammad Al-Farisi")),
    Case("spelling: ivanov", spelt("ivanov", "Ewa Ivanova")),
    Case("walk-in", walk_in),
    Case("correct the e-mail", corrected),
    Case("ID document checked", other(36, "ID document", "Noted that an ID")),
    Case("forgot the badge", other(37, "Forgot", "Day credential")),
)


def add_people(place: Place) -> None:
    def step(db: Connection) -> None:
        for given, family, organisation, email, phone, order, country in MORE:
            values: dict[str, Any] = {
                "given_name": given, "family_name": family, "organisation": organisation,
                "email": email, "phone": phone, "order_number": order, "country": country,
                "category": DELEGATE, "language": "en",
            }  # fmt: skip
            attendees.add_attendee(db, values, by="test", now=now_ms(), random=os.urandom)

    place.site.write(step)


def run() -> dict[str, object]:
    results: dict[str, object] = {}
    with TemporaryDirectory() as folder, browsing() as browser:
        with desk_place(Path(folder), GUESTS, label_s=0.0) as place:
            place.only("Zebra")
            add_people(place)
            printed_beforehand(place, [place.site.serial(n) for n in range(12, 39)])
            place.sign_in(browser)
            clerk = Counting(browser, place)
            for case in CASES:
                clerk.go()
                clerk.at("home")
                clerk.guarded()
                clerk.keys = clerk.scans = 0
                began = time.monotonic()
                case.do(clerk, place)
                took = round(time.monotonic() - began, 2)
                results[case.name] = {"keys": clerk.keys, "scans": clerk.scans, "s": took}
    return results

import sqlite3

import msgspec
import pytest

from badges.credential.badge_number import badge_number
from badges.credential.credential import CredentialFlag, lookup_id, open_credential, open_name
from badges.printing.card import render_pdf
from badges.printing.look import Look
from badges.wire import wire
from server.core.event.directory import Event
from server.core.feed.changes import cursor
from server.core.kiosks import snapshot
from server.core.people import attendees, cards, issuing
from server.core.people.attendees import UnknownAttendeeError
from server.core.people.issuing import Badge, IssuingError, NoBadgeError
from server.core.people.phone_token import PhoneTokenError, open_phone_token, phone_token
from server.storage.database import Database
from tests.server.conftest import NOW, serial_of
from tests.server.support.stores import changes


def issue(event: Event, database: Database, **more: object) -> int:
    return database.write(lambda db: issuing.issue_missing(db, event, now=NOW, by="user:1", **more))


def reissue(event: Event, database: Database, serial: int, reason: str = "lost") -> Badge:
    return database.write(
        lambda db: issuing.reissue(db, event, serial, reason=reason, now=NOW, by="user:1")
    )


def revoke(database: Database, serial: int) -> None:
    database.write(lambda db: issuing.revoke(db, serial, reason="withdrawn", now=NOW, by="user:1"))


def reinstate(database: Database, serial: int) -> None:
    database.write(lambda db: issuing.reinstate(db, serial, reason="mistake", now=NOW, by="user:1"))


@pytest.fixture
def issued(event: Event, site: Database) -> Database:
    assert issue(event, site) == 4
    return site


def test_it_works(event: Event, issued: Database) -> None:
    serial = serial_of(issued, "A3")
    badge = issuing.current_badge(issued.reader, serial)
    credential = open_credential(event.ring, badge.credential)
    assert (credential.serial, credential.issue, credential.category) == (serial, 1, 4)
    assert (credential.valid_days, credential.zones) == (0b001, 0b01)
    assert credential.flags == CredentialFlag(0)
    assert (badge.issue, badge.issued_at) == (1, NOW)
    assert attendees.attendee(issued.reader, serial).issue == 1


def test_flags_are_in_the_credential(event: Event, site: Database) -> None:
    serial = serial_of(site, "A1")
    site.write(lambda db: attendees.change_attendee(db, serial, {"flags": 2}, by="user:1", now=NOW))
    issue(event, site)
    badge = issuing.current_badge(site.reader, serial)
    assert open_credential(event.ring, badge.credential).flags == CredentialFlag.ESCORT


def test_only_those_without_a_badge(event: Event, issued: Database) -> None:
    start = cursor(issued.reader)
    assert issue(event, issued) == 0
    assert changes(issued, start) == []


def test_the_revoked_get_none(event: Event, site: Database) -> None:
    revoke(site, serial_of(site, "A1"))
    assert issuing.missing_badges(site.reader) == 3
    assert issue(event, site) == 3


def test_some_at_a_time(event: Event, site: Database) -> None:
    assert [issue(event, site, limit=3) for _ in range(3)] == [3, 1, 0]
    rows = site.reader.execute("SELECT names_row FROM badge ORDER BY 1").fetchall()
    assert [row[0] for row in rows] == [1, 2, 3, 4]


def test_a_failure_half_way_leaves_nothing(event: Event, site: Database) -> None:
    def step(db: sqlite3.Connection) -> None:
        issuing.issue_missing(db, event, now=NOW, by="user:1")
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="disk is full"):
        site.write(step)
    assert issuing.missing_badges(site.reader) == 4


class TestNames:
    def test_the_badge_opens_its_name(self, event: Event, issued: Database) -> None:
        badge = issuing.current_badge(issued.reader, serial_of(issued, "A2"))
        signature = open_credential(event.ring, badge.credential).signature
        page = issuing.names_after(issued.reader, 0, 100)
        sealed = {name.lookup: name.sealed for name in page.names}[lookup_id(signature)]
        name = msgspec.json.decode(open_name(signature, sealed), type=wire.HolderName)
        assert name == wire.HolderName("王小明", "海事大学", "China")
        assert {len(row.sealed) % 64 for row in page.names} == {16}

    def test_pages(self, issued: Database) -> None:
        whole = issuing.names_after(issued.reader, 0, 4)
        first = issuing.names_after(issued.reader, 0, 3)
        second = issuing.names_after(issued.reader, first.next, 3)
        assert (whole.more, first.more, second.more) == (False, True, False)
        assert (first.next, second.next) == (3, 4)
        assert first.names + second.names == whole.names
        assert issuing.names_after(issued.reader, 4, 3) == wire.NamesPage([], 4, False)

    def test_a_changed_name_is_sealed_with_the_next_issue(
        self, event: Event, issued: Database
    ) -> None:
        serial = serial_of(issued, "A1")
        change = {"family_name": "Voss"}
        issued.write(lambda db: attendees.change_attendee(db, serial, change, by="user:1", now=NOW))
        badge = reissue(event, issued, serial, "changed")
        (row,) = issuing.names_after(issued.reader, 4, 9).names
        signature = open_credential(event.ring, badge.credential).signature
        assert row.lookup == lookup_id(signature)
        assert b"Anna Voss" in open_name(signature, row.sealed)


class TestReissue:
    def test_it_works(self, event: Event, issued: Database) -> None:
        serial = serial_of(issued, "A1")
        start = cursor(issued.reader)
        badge = reissue(event, issued, serial)
        assert badge.issue == 2
        assert open_credential(event.ring, badge.credential).issue == 2
        assert issuing.current_badge(issued.reader, serial) == badge
        assert [row.issue for row in issuing.badges_of(issued.reader, serial)] == [1, 2]
        assert changes(issued, start) == [
            wire.HolderChanged(wire.HolderFacts(serial, 2, False)),
            wire.NamesChanged(),
        ]

    def test_the_first_badge_of_a_walk_in(self, event: Event, site: Database) -> None:
        assert reissue(event, site, serial_of(site, "A1")).issue == 1

    def test_255_are_the_most(self, event: Event, issued: Database) -> None:
        serial = serial_of(issued, "A1")
        for _ in range(254):
            reissue(event, issued, serial)
        with pytest.raises(IssuingError, match="has already had 255 badges"):
            reissue(event, issued, serial)

    def test_not_while_revoked(self, event: Event, issued: Database) -> None:
        serial = serial_of(issued, "A1")
        revoke(issued, serial)
        with pytest.raises(IssuingError, match="reinstate the attendee first"):
            reissue(event, issued, serial)

    def test_a_reason_is_a_word(self, event: Event, issued: Database) -> None:
        with pytest.raises(IssuingError, match="The reason must be one word"):
            reissue(event, issued, serial_of(issued, "A1"), "Anna lost it at the bar")

    def test_nobody(self, event: Event, issued: Database) -> None:
        with pytest.raises(UnknownAttendeeError):
            reissue(event, issued, 0)


class TestWithdraw:
    def withdraw(self, database: Database, serial: int, now: int = NOW) -> None:
        database.write(lambda db: issuing.withdraw(db, serial, now=now, by="user:1"))

    def test_the_badge_before_is_valid_again(self, event: Event, issued: Database) -> None:
        serial = serial_of(issued, "A1")
        first = issuing.current_badge(issued.reader, serial)
        reissue(event, issued, serial)
        start = cursor(issued.reader)
        self.withdraw(issued, serial)
        assert issuing.current_badge(issued.reader, serial) == first
        taken_back = wire.HolderFacts(serial, 1, False, withdrawn_to=2)
        assert changes(issued, start) == [wire.HolderChanged(taken_back)]
        assert [badge.issue for badge in issuing.current_badges(issued.reader, [serial])] == [1]

    def test_its_number_is_never_used_again(self, event: Event, issued: Database) -> None:
        serial = serial_of(issued, "A1")
        withdrawn = reissue(event, issued, serial)
        self.withdraw(issued, serial)
        start = cursor(issued.reader)
        badge = reissue(event, issued, serial)
        assert badge.issue == 3
        assert badge.names_row > withdrawn.names_row
        assert changes(issued, start)[0] == wire.HolderChanged(wire.HolderFacts(serial, 3, False))

    def test_a_new_door_gets_it_in_its_snapshot(self, event: Event, issued: Database) -> None:
        serial = serial_of(issued, "A1")
        reissue(event, issued, serial)
        self.withdraw(issued, serial)
        (holder,) = snapshot._exceptions(issued.reader)
        assert holder == wire.HolderFacts(serial, 1, False, withdrawn_to=2)

    def test_not_after_a_minute(self, event: Event, issued: Database) -> None:
        serial = serial_of(issued, "A1")
        reissue(event, issued, serial)
        with pytest.raises(IssuingError, match="More than a minute has passed"):
            self.withdraw(issued, serial, NOW + issuing.WITHDRAW_MS + 1)
        assert attendees.attendee(issued.reader, serial).issue == 2

    def test_not_a_first_badge(self, issued: Database) -> None:
        with pytest.raises(IssuingError, match="no earlier badge"):
            self.withdraw(issued, serial_of(issued, "A1"))

    def test_not_while_revoked(self, event: Event, issued: Database) -> None:
        serial = serial_of(issued, "A1")
        reissue(event, issued, serial)
        revoke(issued, serial)
        with pytest.raises(IssuingError, match="no earlier badge"):
            self.withdraw(issued, serial)


class TestRevoke:
    def test_and_reinstate(self, issued: Database) -> None:
        serial = serial_of(issued, "A1")
        start = cursor(issued.reader)
        revoke(issued, serial)
        assert attendees.attendee(issued.reader, serial).revoked_at == NOW
        assert serial not in [b.serial for b in issuing.current_badges(issued.reader)]
        reinstate(issued, serial)
        assert attendees.attendee(issued.reader, serial).revoked_at is None
        assert changes(issued, start) == [
            wire.HolderChanged(wire.HolderFacts(serial, 1, True)),
            wire.HolderChanged(wire.HolderFacts(serial, 1, False)),
        ]

    def test_once(self, issued: Database) -> None:
        serial = serial_of(issued, "A1")
        with pytest.raises(IssuingError, match="is not revoked"):
            reinstate(issued, serial)
        revoke(issued, serial)
        with pytest.raises(IssuingError, match="revoked already"):
            revoke(issued, serial)

    def test_the_log_has_who_what_and_why(self, issued: Database) -> None:
        serial = serial_of(issued, "A1")
        revoke(issued, serial)
        query = "SELECT body FROM leaf ORDER BY number DESC LIMIT 1"
        assert issued.reader.execute(query).fetchone()[0] == (
            b'{"act":"badge_revoked","at":%d,"by":"user:1",'
            b'"subject":{"reason":"withdrawn","serial":%d},"type":"act"}' % (NOW, serial)
        )


def test_no_badge_yet(site: Database) -> None:
    with pytest.raises(NoBadgeError, match="no badge yet"):
        issuing.current_badge(site.reader, serial_of(site, "A1"))
    with pytest.raises(UnknownAttendeeError):
        issuing.current_badge(site.reader, 0)


def test_current_badges_by_name_or_as_asked(event: Event, issued: Database) -> None:
    a1, a3 = serial_of(issued, "A1"), serial_of(issued, "A3")
    reissue(event, issued, a1)
    badges = issuing.current_badges(issued.reader)
    assert [(badge.serial, badge.issue) for badge in badges[:1]] == [(a1, 2)]  # Keller
    assert len(badges) == 4
    asked = issuing.current_badges(issued.reader, [a3, a1])
    assert [badge.serial for badge in asked] == [a3, a1]


def test_a_card(event: Event, issued: Database) -> None:
    serial = serial_of(issued, "A3")
    badge = issuing.current_badge(issued.reader, serial)
    card = cards.card(issued.reader, event, badge)
    assert card.text == badge.credential
    assert (card.given_name, card.family_name, card.country) == ("Boris", "Novak", "Slovenia")
    assert (card.category_name, card.category_second_name) == ("媒体", "Press")
    assert [(day.label, day.valid) for day in card.days] == [
        ("4", True),
        ("5", False),
        ("6", False),
    ]
    assert (card.badge_number, card.zones) == (badge_number(serial), ("public",))
    anna = issuing.current_badge(issued.reader, serial_of(issued, "A1"))
    assert cards.card(issued.reader, event, anna).zones == ()  # all of them
    assert render_pdf([card], Look("Harbour Forum")).startswith(b"%PDF")


class TestPhoneToken:
    def test_it_works(self, event: Event) -> None:
        token = phone_token(event, 0xABCDEF, 3)
        assert len(token) == 27
        assert token.replace("-", "").replace("_", "").isalnum()
        assert open_phone_token(event, token) == (0xABCDEF, 3)

    def test_any_other_character_is_refused(self, event: Event) -> None:
        token = phone_token(event, 0xABCDEF, 3)
        for at in range(len(token)):
            for other in {*"AB-_az09"} - {token[at]}:
                with pytest.raises(PhoneTokenError):
                    open_phone_token(event, token[:at] + other + token[at + 1 :])

    @pytest.mark.parametrize("token", ["", "A", "A" * 26, "A" * 28, "é" * 27, "A" * 10**6, "A A"])
    def test_what_is_no_token(self, event: Event, token: str) -> None:
        with pytest.raises(PhoneTokenError):
            open_phone_token(event, token)

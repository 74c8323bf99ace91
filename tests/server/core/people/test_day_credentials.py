"""Day credentials: eligibility, content, news to doors, refusals."""

from dataclasses import replace

import msgspec
import pytest
from msgspec import UNSET

from badges.credential.credential import CredentialFlag, Kind, lookup_id, open_credential, open_name
from badges.printing.card import render_pdf
from badges.printing.look import Look
from badges.wire import wire
from server.core.entry_log.act_words import WORDS
from server.core.event.directory import Event
from server.core.event.settings import EventError, parse_settings
from server.core.feed.changes import cursor
from server.core.kiosks import snapshot
from server.core.occupancy import copies
from server.core.people import attendees, cards, day_credentials, issuing
from server.core.people.attendees import UnknownAttendeeError
from server.core.people.day_credentials import DayCredential
from server.core.people.issuing import IssuingError, NoBadgeError
from server.storage.database import Database
from server.storage.transactions import one_state
from tests.server.conftest import HOUR, NOW, serial_of
from tests.server.support.stores import changes

DAY_MS = 24 * HOUR


def give(
    event: Event, database: Database, serial: int, day: int = 0, now: int = NOW
) -> DayCredential:
    return database.write(
        lambda db: day_credentials.issue_day_credential(
            db, event, serial, day=day, by="user:1", now=now
        )
    )


def reissue(event: Event, database: Database, serial: int) -> None:
    database.write(
        lambda db: issuing.reissue(db, event, serial, reason="lost", now=NOW, by="user:1")
    )


def change(database: Database, serial: int, **fields: object) -> None:
    database.write(lambda db: attendees.change_attendee(db, serial, fields, by="user:1", now=NOW))


@pytest.fixture
def issued(event: Event, site: Database) -> Database:
    site.write(lambda db: issuing.issue_missing(db, event, now=NOW - DAY_MS, by="user:1"))
    return site


@pytest.fixture
def anna(issued: Database) -> int:
    return serial_of(issued, "A1")


def test_it_works(event: Event, issued: Database, anna: int) -> None:
    start = cursor(issued.reader)
    given = give(event, issued, anna, day=1)
    opened = open_credential(event.ring, given.credential)
    badge = open_credential(event.ring, issuing.current_badge(issued.reader, anna).credential)
    assert (opened.kind, opened.day, opened.valid_days) == (Kind.DAY, 1, 0b10)
    assert replace(opened, kind=Kind.PRINTED, valid_days=badge.valid_days) == badge
    assert (given.serial, given.issue, given.day, given.issued_at) == (anna, 1, 1, NOW)
    assert changes(issued, start) == [
        wire.HolderChanged(wire.HolderFacts(anna, 1, False, 0, [(1, 1)])),
        wire.NamesChanged(),
    ]
    assert attendees.attendee(issued.reader, anna).issue == 1
    assert [row.issue for row in issuing.badges_of(issued.reader, anna)] == [1]


def test_its_name_is_sealed_for_it_alone(event: Event, issued: Database, anna: int) -> None:
    page = issuing.names_after(issued.reader, 0, 99)
    given = give(event, issued, anna)
    (row,) = issuing.names_after(issued.reader, page.next, 99).names
    signature = open_credential(event.ring, given.credential).signature
    assert row.lookup == lookup_id(signature)
    name = msgspec.json.decode(open_name(signature, row.sealed), type=wire.HolderName)
    assert name.name == "Anna Keller"


def test_names_of_badges_and_day_credentials_come_in_their_order_by_pages(
    event: Event, issued: Database, anna: int
) -> None:
    give(event, issued, anna)
    reissue(event, issued, anna)
    give(event, issued, anna, day=1)
    whole = issuing.names_after(issued.reader, 0, 99)
    assert (len(whole.names), whole.more) == (7, False)
    names, after = [], 0
    for _ in range(7):
        page = issuing.names_after(issued.reader, after, 1)
        names += page.names
        assert page.more is (len(names) < 7)
        after = page.next
    assert names == whole.names


def test_the_log_has_who_for_what_day(event: Event, issued: Database, anna: int) -> None:
    give(event, issued, anna)
    query = "SELECT body FROM leaf ORDER BY number DESC LIMIT 1"
    assert issued.reader.execute(query).fetchone()[0] == (
        b'{"act":"day_credential_issued","at":%d,"by":"user:1",'
        b'"subject":{"day":"2026-05-04","issue":1,"serial":%d},"type":"act"}' % (NOW, anna)
    )
    assert {"day_credential_issued", "day_credential_printed"} <= set(map(str, WORDS))


class TestRefused:
    def test_a_third_one(self, event: Event, issued: Database, anna: int) -> None:
        give(event, issued, anna, 0)
        give(event, issued, anna, 1)
        with pytest.raises(IssuingError, match="already had 2 day credentials, which is the limit"):
            give(event, issued, anna, 2)
        assert len(day_credentials.of_attendee(issued.reader, anna)) == 2

    def test_a_third_one_of_a_new_badge(self, event: Event, issued: Database, anna: int) -> None:
        """Two in the whole event, also after a new badge."""
        give(event, issued, anna, 0)
        reissue(event, issued, anna)
        give(event, issued, anna, 0)
        reissue(event, issued, anna)
        with pytest.raises(IssuingError, match="already had 2 day credentials, which is the limit"):
            give(event, issued, anna, 1)

    def test_a_second_one_for_the_same_day(self, event: Event, issued: Database, anna: int) -> None:
        """It would have the same code: a lost one could not be distinguished."""
        give(event, issued, anna)
        with pytest.raises(IssuingError, match="Mon 4 May was given out already: print it again"):
            give(event, issued, anna)

    def test_whoever_is_revoked(self, event: Event, issued: Database, anna: int) -> None:
        issued.write(lambda db: issuing.revoke(db, anna, reason="conduct", now=NOW, by="user:1"))
        with pytest.raises(IssuingError, match="reinstate the attendee first"):
            give(event, issued, anna)

    def test_whoever_has_no_badge_yet(self, event: Event, site: Database) -> None:
        with pytest.raises(NoBadgeError, match="no badge yet: issue the badge instead"):
            give(event, site, serial_of(site, "A1"))

    def test_nobody(self, event: Event, issued: Database) -> None:
        with pytest.raises(UnknownAttendeeError):
            give(event, issued, 0)

    @pytest.mark.parametrize("day", [-1, 3, 99])
    def test_a_day_that_is_none_of_the_event(
        self, event: Event, issued: Database, anna: int, day: int
    ) -> None:
        with pytest.raises(IssuingError, match="no such day: choose one of its 3 days"):
            give(event, issued, anna, day)

    def test_a_day_that_is_over(self, event: Event, issued: Database, anna: int) -> None:
        midnight = NOW + 14 * HOUR
        assert give(event, issued, anna, 0, now=midnight - 1)
        with pytest.raises(IssuingError, match="Mon 4 May is over: choose today or a later day"):
            give(event, issued, serial_of(issued, "A2"), 0, now=midnight)

    def test_a_day_on_which_the_badge_is_not_valid(
        self, event: Event, issued: Database, anna: int
    ) -> None:
        change(issued, anna, valid_days=0b001)
        with pytest.raises(IssuingError, match="not valid on Tue 5 May"):
            give(event, issued, anna, 1)

    def test_a_badge_that_is_likely_copied(self, event: Event, issued: Database, anna: int) -> None:
        issued.write(
            lambda db: (
                db.execute("INSERT INTO likely_copy VALUES (?, 1, 0, ?, NULL)", (anna, NOW))
                and None
            )
        )
        with pytest.raises(IssuingError, match="likely copied"):
            give(event, issued, anna)
        reissue(event, issued, anna)
        assert give(event, issued, anna).issue == 2

    def test_a_badge_that_staff_saw_to_be_no_copy(
        self, event: Event, issued: Database, anna: int
    ) -> None:
        issued.write(
            lambda db: (
                db.execute("INSERT INTO likely_copy VALUES (?, 1, 0, ?, NULL)", (anna, NOW))
                and None
            )
        )
        issued.write(lambda db: copies.clear(db, anna, by="user:1", now=NOW))
        assert give(event, issued, anna).issue == 1

    def test_leaves_everything_as_it_was(self, event: Event, issued: Database, anna: int) -> None:
        before = issued.reader.execute("SELECT COUNT(*) FROM leaf").fetchone()[0]
        start = cursor(issued.reader)
        with pytest.raises(IssuingError):
            give(event, issued, anna, 7)
        assert changes(issued, start) == []
        assert issued.reader.execute("SELECT COUNT(*) FROM leaf").fetchone()[0] == before
        assert day_credentials.of_attendee(issued.reader, anna) == []


class TestPolicy:
    @pytest.mark.parametrize(
        ("asked", "flagged"),
        [([], False), (["all"], True), (["delegate"], True), (["press", "staff"], False)],
    )
    def test_doors_ask_for_an_id_where_the_event_says_so(
        self, event: Event, issued: Database, anna: int, asked: list[str], flagged: bool
    ) -> None:
        change(issued, anna, category=1, flags=2)
        settings = replace(event.settings, check_day_credentials=asked)
        given = give(replace(event, settings=settings), issued, anna)
        flags = open_credential(event.ring, given.credential).flags
        assert bool(flags & CredentialFlag.ATTENTION) is flagged
        assert flags & CredentialFlag.ESCORT

    def test_a_category_that_is_not_there(self, event: Event, issued: Database, anna: int) -> None:
        settings = replace(event.settings, check_day_credentials=["delegates"])
        with pytest.raises(IssuingError, match="names the category 'delegates'.*are delegate,"):
            give(replace(event, settings=settings), issued, anna)

    def test_it_is_a_list_in_event_toml(self, event: Event) -> None:
        text = (event.path / "event.toml").read_text()
        assert '# check_day_credentials = ["all"]' in text
        line = 'check_day_credentials = ["press", "staff"]\n'
        assert parse_settings(line + text, "event.toml").check_day_credentials == ["press", "staff"]
        for wrong in ('"all"', "[1]", '[" "]', '["Press"]'):
            with pytest.raises(EventError, match="check_day_credentials.*list of category keys"):
                parse_settings(f"check_day_credentials = {wrong}\n{text}", "event.toml")


class TestTold:
    def holders(self, event: Event, database: Database, **asked: bool) -> list[wire.HolderFacts]:
        with database.reading() as db, one_state(db):
            return snapshot._exceptions(db, **asked)

    def test_a_snapshot_tells_those_who_ask(
        self, event: Event, issued: Database, anna: int
    ) -> None:
        """An earlier kiosk does not ask, and would refuse unknown fields."""
        give(event, issued, anna, 2)
        facts = wire.HolderFacts(anna, 1, False, 0, [(1, 2)])
        assert self.holders(event, issued, days=True) == [facts]
        assert self.holders(event, issued, days=False) == []
        reissue(event, issued, anna)
        (old,) = self.holders(event, issued, days=False)
        assert old == wire.HolderFacts(anna, 2, False)
        assert b"day_credentials" not in wire.encode(old)

    def test_who_is_reinstated_has_theirs_again(
        self, event: Event, issued: Database, anna: int
    ) -> None:
        give(event, issued, anna)
        for step in (issuing.revoke, issuing.reinstate):
            issued.write(
                lambda db, step=step: step(db, anna, reason="mistake", now=NOW, by="user:1")
            )
        assert copies.holder_facts(issued.reader, anna).day_credentials == [(1, 0)]

    def test_others_have_none(self, event: Event, issued: Database, anna: int) -> None:
        give(event, issued, anna)
        other = copies.holder_facts(issued.reader, serial_of(issued, "A2"))
        assert other.day_credentials is UNSET


def test_which_one_stands(event: Event, issued: Database, anna: int) -> None:
    def standing(at: int) -> int | None:
        credential = day_credentials.standing(issued.reader, event, anna, at)
        return credential.day if credential else None

    assert standing(NOW) is None
    give(event, issued, anna, 1)
    assert [standing(NOW + day * DAY_MS) for day in range(4)] == [None, 1, None, None]
    reissue(event, issued, anna)
    assert standing(NOW + DAY_MS) is None


def test_its_days_to_choose(event: Event, issued: Database, anna: int) -> None:
    holder = attendees.attendee(issued.reader, anna)
    chosen = [
        day_credentials.days_to_choose(event, holder, NOW + day * DAY_MS) for day in range(-1, 4)
    ]
    assert chosen == [[0, 1, 2], [0, 1, 2], [1, 2], [2], []]
    assert day_credentials.days_to_choose(event, replace(holder, valid_days=0b10), NOW) == [1]


def test_its_card_says_the_day_and_is_no_print_of_the_badge(
    event: Event, issued: Database, anna: int
) -> None:
    given = give(event, issued, anna, 1)
    badge_card = cards.card(issued.reader, event, given.badge)
    card = cards.of_one_day(badge_card, event, 1)
    assert card.text == given.credential
    assert card.good_on == ("Tue 5 May", "5月5日当日证 · DAY CREDENTIAL")
    assert [day.valid for day in card.days] == [False, True, False]
    assert render_pdf([card], Look("Forum")).startswith(b"%PDF")
    issued.write(
        lambda db: day_credentials.note_printed(db, given, event, by="user:1", now=NOW + 1)
    )
    assert [row.printed for row in day_credentials.of_attendee(issued.reader, anna)] == [1]
    badge = issuing.current_badge(issued.reader, anna)
    (printed,) = cards.read(issued.reader, event, [badge])
    assert printed.printed == 0, "the badge's own card was not"

"""The printed badges: selection, order, kind and number."""

from dataclasses import replace
from datetime import date

import pytest

from badges.printing.name_order import name_key, text_key
from server.core.entry_log.act_names import Act
from server.core.entry_log.act_words import WORDS
from server.core.event.directory import Event
from server.core.event.settings import EventSettings
from server.core.people import attendees, cards, issuing
from server.core.people.card_design import dates_texts
from server.core.people.cards import USUAL, Choice, Lines, PrintedBadge
from server.storage.database import Database
from tests.server.conftest import NOW

CODES = {"delegate": 1, "speaker": 2, "press": 4}


@pytest.fixture
def issued(event: Event, site: Database) -> Database:
    site.write(lambda db: issuing.issue_missing(db, event, now=NOW, by="admin"))
    return site


def read(event: Event, database: Database, lines: Lines = USUAL) -> list[PrintedBadge]:
    badges = issuing.current_badges(database.reader)
    return cards.read(database.reader, event, badges, lines=lines)


def ids(badges: list[PrintedBadge]) -> list[str | None]:
    return [badge.holder.external_id for badge in badges]


def note(database: Database, badges: list[PrintedBadge]) -> int:
    return database.write(lambda db: cards.note_printed(db, badges, by="admin", now=NOW))


def change(database: Database, serial: int, **values: str) -> None:
    database.write(lambda db: attendees.change_attendee(db, serial, values, by="admin", now=NOW))


def test_each_order(event: Event, issued: Database) -> None:
    badges = read(event, issued)
    keys = {
        "name": lambda badge: name_key(badge.holder.given_name, badge.holder.family_name),
        "organisation": lambda badge: text_key(badge.holder.organisation),
        "category": lambda badge: badge.holder.category,
        "number": lambda badge: badge.card.badge_number,
    }
    for order, key in keys.items():
        chosen = cards.chosen(badges, Choice(order=order), CODES)
        assert list(map(key, chosen)) == sorted(map(key, badges))


def test_badges_come_by_name_also_within_an_organisation_and_a_category(
    event: Event, site: Database
) -> None:
    def take_names(db):
        people = [row["serial"] for row in db.execute("SELECT serial FROM attendee")]
        names = [("Thu", "Trần"), ("Valéry", "d'Estaing"), ("国藩", "曾"), ("亮", "陈")]
        for serial, (given, family) in zip(people, names, strict=False):
            values = {"given_name": given, "family_name": family, "organisation": "Fjord AS"}
            attendees.change_attendee(db, serial, values, by="admin", now=NOW)
        db.execute("UPDATE attendee SET category = 1")
        issuing.issue_missing(db, event, now=NOW, by="admin")

    site.write(take_names)
    badges = issuing.current_badges(site.reader)
    read = cards.read(site.reader, event, badges)
    for order in ("name", "organisation", "category"):
        chosen = cards.chosen(read, replace(Choice(), order=order), {})
        families = [badge.holder.family_name for badge in chosen]
        named = [name for name in families if name in {"Trần", "d'Estaing", "曾", "陈"}]
        assert named == ["陈", "曾", "d'Estaing", "Trần"]


def test_a_category_and_an_organisation(event: Event, issued: Database) -> None:
    badges = read(event, issued)
    press = cards.chosen(badges, Choice(categories=["press"]), CODES)
    assert ids(press) == ["A3"]
    name = press[0].holder.organisation
    assert "A3" in ids(cards.chosen(badges, Choice(organisations=[f" {name.upper()} "]), CODES))
    assert cards.chosen(badges, Choice(organisations=["Nobody"]), CODES) == []


def test_not_printed_changed_and_again(event: Event, issued: Database) -> None:
    badges = read(event, issued)
    first = cards.chosen(badges, Choice(categories=["press"]), CODES)
    assert note(issued, first) == 0
    rest = cards.chosen(read(event, issued), Choice(not_printed=True), CODES)
    assert "A3" not in ids(rest)
    assert len(rest) == len(badges) - 1
    assert cards.chosen(read(event, issued), Choice(changed=True), CODES) == []
    change(issued, first[0].holder.serial, organisation="Elsewhere")
    changed = cards.chosen(read(event, issued), Choice(changed=True), CODES)
    assert ids(changed) == ["A3"]
    both = cards.chosen(read(event, issued), Choice(changed=True, not_printed=True), CODES)
    assert len(both) == len(badges)
    assert note(issued, changed) == 1
    (again,) = cards.chosen(read(event, issued), Choice(categories=["press"]), CODES)
    assert (again.printed, again.has_changed) == (2, False)


def test_a_reissued_badge_was_never_printed(event: Event, issued: Database) -> None:
    badges = read(event, issued)
    note(issued, badges)
    serial = badges[0].holder.serial
    issued.write(lambda db: issuing.reissue(db, event, serial, reason="lost", now=NOW, by="admin"))
    due = cards.chosen(read(event, issued), Choice(not_printed=True), CODES)
    assert [badge.holder.serial for badge in due] == [serial]


def test_the_act_says_how_many_were_printed_before(event: Event, issued: Database) -> None:
    badges = read(event, issued)
    note(issued, badges)
    note(issued, badges)
    bodies = [
        bytes(row[0]).decode()
        for row in issued.reader.execute("SELECT body FROM leaf WHERE kind = 'act'")
    ]
    printed = [body for body in bodies if "badges_printed" in body]
    assert len(printed) == 2
    assert '"again"' not in printed[0]
    assert f'"again":{len(badges)}' in printed[1].replace(" ", "")
    assert "(%(again)s again)" in WORDS[Act.BADGES_PRINTED].about


def test_latin_lines_are_the_rosters_or_made(event: Event, issued: Database) -> None:
    badge = next(badge for badge in read(event, issued) if badge.holder.external_id == "A2")
    change(issued, badge.holder.serial, given_name="子衿", family_name="柳", language="zh")
    badge = next(badge for badge in read(event, issued) if badge.holder.external_id == "A2")
    assert (badge.card.latin_name, badge.made_latin, badge.lacks_latin) == (
        "LIU Zijin",
        "LIU Zijin",
        False,
    )
    assert cards.latin_line(badge.holder) == ("LIU Zijin", True)
    change(issued, badge.holder.serial, latin_name="Claire LIU")
    badge = next(badge for badge in read(event, issued) if badge.holder.external_id == "A2")
    assert (badge.card.latin_name, badge.made_latin) == ("Claire LIU", "")
    change(
        issued, badge.holder.serial, latin_name="LIU Claire", given_name="Claire", family_name="Liu"
    )
    badge = next(badge for badge in read(event, issued) if badge.holder.external_id == "A2")
    assert badge.card.latin_name == "", "it would repeat the name"
    change(issued, badge.holder.serial, latin_name="", given_name="محمد", family_name="")
    badge = next(badge for badge in read(event, issued) if badge.holder.external_id == "A2")
    assert (badge.card.latin_name, badge.lacks_latin) == ("", True)
    silent = read(event, issued, lines=Lines(latin=False))
    assert not any(badge.card.latin_name for badge in silent)


def test_a_job_title_is_on_the_card_if_the_design_asks_for_it(
    event: Event, issued: Database
) -> None:
    badge = read(event, issued)[0]
    change(issued, badge.holder.serial, job_title="院长")
    wanted = Lines(job_title=True)
    assert read(event, issued)[0].card.job_title == ""
    badge = read(event, issued, lines=wanted)[0]
    assert badge.card.job_title == "院长"
    note(issued, [badge])
    change(issued, badge.holder.serial, job_title="校长")
    assert read(event, issued, lines=wanted)[0].has_changed


def test_a_job_title_that_is_not_printed_makes_no_card_outdated(
    event: Event, issued: Database
) -> None:
    badge = read(event, issued)[0]
    note(issued, [badge])
    change(issued, badge.holder.serial, job_title="校长")
    assert not read(event, issued)[0].has_changed


def test_a_latin_name_has_latin_letters(issued: Database) -> None:
    serial = issuing.current_badges(issued.reader)[0].serial
    with pytest.raises(
        attendees.AttendeeError, match=r"Name in Latin letters: has '柳'.*no Latin letter"
    ):
        change(issued, serial, latin_name="柳")
    change(issued, serial, latin_name="Zoë d’Ångström-Nguyễn")


@pytest.mark.parametrize(
    ("first", "days", "text"),
    [
        (date(2026, 5, 4), 1, "2026年5月4日 · 4 May 2026"),
        (date(2026, 5, 4), 3, "2026年5月4–6日 · 4–6 May 2026"),
        (date(2026, 5, 30), 4, "2026年5月30日–6月2日 · 30 May – 2 Jun 2026"),
    ],
)
def test_dates(settings: EventSettings, first: date, days: int, text: str) -> None:
    assert " · ".join(dates_texts(replace(settings, first_day=first, days=days))) == text


def test_days_are_shown_where_they_are_few(settings: EventSettings) -> None:
    shown = cards.event_days(settings, 0b101)
    assert [(day.label, day.valid) for day in shown] == [("4", True), ("5", False), ("6", True)]
    for days in (1, 9):
        assert cards.event_days(replace(settings, days=days), 1) == ()


@pytest.mark.parametrize(
    ("names", "both"),
    [
        ({"en": "Press", "zh": "媒体"}, ("媒体", "Press")),
        ({"en": "VIP", "zh": "VIP"}, ("VIP", "")),
        ({"en": "Press"}, ("Press", "")),
        ({"fr": "Presse"}, ("Presse", "")),
    ],
)
def test_names_in_both_languages(names: dict[str, str], both: tuple[str, str]) -> None:
    assert cards.both_languages(names) == both

"""Pages of staff in a third language, added by its file: it contains all their words."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

from badges.credential.badge_number import badge_number
from badges.roster.countries import country_name
from server.core.event.directory import Event
from server.storage.database import Database
from server.storage.postgresql import moving
from tests.kiosk.texts.pseudo_language import left_out
from tests.server.features.imports.test_programme_import import PROGRAMME
from tests.server.features.imports.test_uploads import send
from tests.server.features.mail.conftest import write_settings
from tests.server.support.pages import Pages, Staff
from tests.server.support.stores import load_venue
from tests.server.web.language import lively, pseudo

# No pages, or pages that are checked below.
ELSEWHERE = {
    "admin.home", "admin.arrivals.stream", "admin.live.stream", "admin.edits.doors",
    "admin.entries.export", "admin.entries.receipt", "admin.log.entry", "admin.kiosks.code",
    "admin.kiosks.words",
    "admin.people.card", "admin.people.day_card", "admin.roster_upload.show",
    "admin.sign_in.form", "admin.uploads.sample_file", "admin.venue_upload.show",
    "admin.cards.show", "admin.printers.edit", "admin.sign_on.go", "admin.sign_on.back",
    "admin.entries.log",
}  # fmt: skip
# Names that are the same in all languages.
NAMES = (
    "CSV", "XLSX", "TOML", "JSON", "XML", "iCalendar", "frab", "pretalx", "CIEDE2000", "English",
    "Asia/Shanghai", "ipp://192.168.1.40/ipp/print", "中文", "m²", "esperanto", "A4", "A6",
    "UTF-8", "GBK", "×", "venue.toml", "list.csv", "roster.csv", "public", "backstage", "council",
    "x1", "anna@example.org", "boris@example.org",
    "test", "k1", "k2", "k3", "DE",
)  # fmt: skip
# Babel's dates.
DAYS = re.compile(r"\b(lu|ma|me|ĵa|ve|sa|di),? \d{1,2} (Maj|Jun)\b|\b(lu|ma|me) \d+")
QUERIES = {
    "admin.people.search": ("?q=keller", "?q=nobody"),
    "admin.persons.choose": ("?q=novak", "?other={other}"),
    "admin.guests.show": ("?q=keller", "?q=nobody"),
    "admin.session_speakers.show": ("?q=keller", "?q=nobody"),
    "admin.organisation_merge.choose": ("?q=a", "?other={organisation}"),
    "admin.rehearsal.show": (
        "?person=A1&place=hall:h1&at=2026-05-04T11:10",
        "?person=&place=&at=never",
    ),
    "admin.rehearsal.day": ("?day=2026-05-04", "?day=never"),
    "admin.programme.activities": ("?kind=nothing&day=9", "?day=3"),
    "admin.mailing.show": ("?who=due",),
}


@pytest.fixture
def pages(event: Event, site: Database) -> Iterator[Pages]:
    pseudo.add_file(event)
    write_settings(event, 2525)
    load_venue(event, site, PROGRAMME)
    with Pages(event, site) as opened:
        yield opened


@pytest.fixture
def admin(pages: Pages) -> Staff:
    someone = pages.staff("admin")
    someone.get(f"/admin/venue/?lang={pseudo.LANGUAGE}")
    return someone


def words_on(page: str) -> str:
    """The visible and spoken texts of a page. Codes and commands are not words."""
    page = re.sub(r"<(script|style|svg|code|pre)\b.*?</\1>|<!doctype[^>]*>", " ", page, flags=re.S)
    page = re.sub(r'<(\w+)[^>]* class="[^"]*\bcode\b[^"]*"[^>]*>[^<]*</\1>', " ", page)
    # Text marked with a language of its own is not a word of the page.
    page = re.sub(r'<(bdi|dd|div|legend|li|p|span)[^>]* lang="[^"]*"[^>]*>.*?</\1>', " ", page)
    page = re.sub(r'https?://[^<\s"]*', " ", page)
    attributes = re.findall(r'(?:aria-label|title|alt|placeholder|data-label)="([^"]*)"', page)
    return unescape(" ".join([*attributes, re.sub(r"<[^>]+>", " ", page)]))


def data_of(database: Database) -> set[str]:
    """Every text in the event's own data, such as names."""
    db = database.reader
    texts: set[str] = set()
    for table in moving.tables_of(db):
        for row in db.execute(f'SELECT * FROM "{table}"'):
            for value in row:
                if isinstance(value, str):
                    texts.add(value)
                    texts.update(re.findall(r'"((?:[^"\\]|\\.)*)"', value))
    # A word in small letters may be a key that happens to be an English word too.
    keys = {text for text in texts if text.isascii() and (text.islower() or len(text) < 3)}
    return texts - keys


def serials(pages: Pages) -> list[int]:
    return [row[0] for row in pages.database.reader.execute("SELECT serial FROM attendee")]


# By the event's directory, which differs in each test.
_NAMES: dict[Path, set[str]] = {}


def english_on(pages: Pages, page: str) -> str:
    """The texts on a page outside ⟦…⟧, without the event's names and Babel's words.

    The names are those of the pages before, and are looked up anew if a text is left.
    """
    text, place = DAYS.sub(" ", words_on(page)), pages.event.path
    if place in _NAMES and not left_out(text, _NAMES[place]):
        return ""
    _NAMES[place] = names_of(pages)
    return left_out(text, _NAMES[place])


def names_of(pages: Pages) -> set[str]:
    countries = {country_name(code, pseudo.LANGUAGE) for code in ("CN", "DE", "SG", "SI")}
    staff = {row[0] for row in pages.database.reader.execute("SELECT name FROM staff_user")}
    settings = pages.event.settings.name.values()
    numbers = {badge_number(serial) for serial in serials(pages)}
    return {*NAMES, *settings, *countries, *staff, *numbers, *data_of(pages.database)}


def addresses(pages: Pages, ids: dict[str, object]) -> Iterator[str]:
    """Yield each page of staff. A page without known values is an error. `known` has the parts of
    addresses that are not in every event.
    """
    db = pages.database.reader
    number, other = (badge_number(pages.serial(external_id)) for external_id in ("A1", "A3"))
    hall, session, door = (
        db.execute(f"SELECT MAX({key}_id) FROM {key}").fetchone()[0]
        for key in ("hall", "session", "door")
    )
    ids = {"hall_id": 1, "endpoint_id": 1, "muster_id": 1, "printer_id": 1, **ids}
    kinds = ("organisation", "activity_kind", "activity", "area", "exhibitor", "stand")
    coded = {kind: db.execute(f"SELECT MIN(code) FROM {kind}").fetchone()[0] for kind in kinds}
    last = db.execute("SELECT MAX(code) FROM organisation").fetchone()[0]
    numbers = {"hall": hall, "session": session, "door": door, "category": 1}
    for rule in sorted(pages.app.url_map.iter_rules(), key=lambda rule: rule.rule):
        of_staff = rule.endpoint.startswith("admin.") and "GET" in (rule.methods or ())
        if not of_staff or rule.endpoint in ELSEWHERE:
            continue
        of_activity = rule.endpoint.endswith(".activity")
        code = coded["activity" if of_activity else "organisation"]
        several = [{**ids, "number": number, "session_id": session, "code": code}]
        if "kind" in rule.arguments:
            of_kind = coded if rule.endpoint.endswith("_coded") else numbers
            several = [{"kind": kind, "number": key} for kind, key in of_kind.items()]
        for given in several:
            missing = rule.arguments - given.keys()
            assert not missing, f"{rule.endpoint}: say here what {missing} are"
            built = rule.build({key: given[key] for key in rule.arguments})
            assert built is not None
            for query in ("", *QUERIES.get(rule.endpoint, ())):
                yield built[1] + query.format(other=other, organisation=last)


def test_all_pages(pages: Pages, admin: Staff) -> None:
    ids = lively.happen(pages)
    left = {}
    for address in addresses(pages, ids):
        answer = admin.get(address)
        assert answer.status_code in (200, 303, 400), address
        if answer.mimetype != "text/html" or answer.status_code == 303:
            continue
        whole = "<html" in answer.text  # else it is a part of a page
        assert not whole or f'<html lang="{pseudo.LANGUAGE}"' in answer.text, address
        if english := english_on(pages, answer.text):
            left[address] = english
    assert left == {}


def test_an_event_without_anything(event: Event, database: Database) -> None:
    pseudo.add_file(event)
    left = {}
    with Pages(event, database) as pages:
        admin = pages.staff("admin")
        admin.get(f"/admin/venue/?lang={pseudo.LANGUAGE}")
        for page in ("venue", "people", "badges", "imports", "arrivals", "programme"):
            for part in ("", "activities", "speakers", "organisations", "exhibition", "countries"):
                if part and page != "programme":
                    continue
                answer = admin.get(f"/admin/{page}/{part}")
                assert answer.status_code == 200
                if english := english_on(pages, answer.text):
                    left[page, part] = english
    assert left == {}


@pytest.mark.parametrize("target", ["/admin/nothing", "/admin/venue/undo", "/admin/edits/undo"])
def test_errors(pages: Pages, admin: Staff, target: str) -> None:
    answer = admin.get(target)
    assert answer.status_code in (404, 405)
    assert english_on(pages, answer.text) == ""


def test_who_may_not(pages: Pages) -> None:
    steward = pages.staff("steward")
    answer = steward.get(f"/admin/venue/hall/new?lang={pseudo.LANGUAGE}")
    assert answer.status_code == 403
    assert english_on(pages, answer.text) == ""


@pytest.mark.parametrize(
    ("target", "fields"),
    [
        ("/admin/badges/issue", {}),
        ("/admin/badges/reissue", {}),
        ("/admin/mail/start", {}),
        ("/admin/mail/stop", {}),
        ("/admin/edits/undo", {"mark": "none"}),
        ("/admin/venue/session/1/guests/", {"number": "A1", "answer": "invite"}),
        ("/admin/venue/session/1/speakers/", {"act": "add", "name": "Nora", "role": "speaker"}),
        ("/admin/venue/session/1/remove", {}),
        ("/admin/venue/hall/1/remove", {"confirm": "yes"}),
        ("/admin/imports/venue/", {}),
        ("/admin/programme/organisations/council/merge/", {"other": "pilots"}),
    ],
)
def test_form_answers(pages: Pages, admin: Staff, target: str, fields: dict[str, object]) -> None:
    if "number" in fields:
        fields = {**fields, "number": badge_number(pages.serial("A1"))}
    answer = admin.post(target, fields, follow_redirects=True)
    assert answer.status_code == 200
    assert 'class="notice' in answer.text
    assert english_on(pages, answer.text) == ""


def test_a_preview_of_people(pages: Pages, admin: Staff) -> None:
    roster = "id,given name,email,category\nA1,Anne,anna@example.org,delegate\nN1,Nora,,visitor\n"
    sent = send(admin, "/admin/imports/people/", roster)
    page = admin.get(sent.location)
    assert page.status_code == 200
    english = english_on(
        pages, re.sub(r'Nora|Anne|list\.csv|<bdi class="cell">[^<]*</bdi>', "", page.text)
    )
    assert english == ""

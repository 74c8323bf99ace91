"""People registered, changed and merged on pages."""

import re
import sqlite3

import pytest

from badges.credential.badge_number import badge_number
from server.core.feed.changes import cursor
from server.core.people import attendees, issuing
from server.core.people.protocol_guests import set_protocol_guest
from server.core.programme.guests import await_guests, awaited
from server.core.venue import kept_places
from server.features.editing import people
from server.features.editing.guests import answers_of
from tests.server.conftest import NOW, ROSTER
from tests.server.features.editing.test_editing import undo_form, words
from tests.server.support.pages import Pages, Staff, acts
from tests.server.support.stores import changes, dump, load_roster, load_venue


@pytest.fixture
def desk(pages: Pages) -> Staff:
    return pages.staff("badge_desk")


def address(pages: Pages, external_id: str, rest: str = "") -> str:
    return f"/admin/people/{badge_number(pages.serial(external_id))}{rest}"


def fields(page: str) -> dict[str, object]:
    form = page.partition('<form class="panel narrow"')[2].partition("</form>")[0]
    values: dict[str, object] = {}
    for tag in re.findall(r"<input[^>]+>", form):
        name, value = (re.search(rf'{key}="([^"]*)"', tag)[1] for key in ("name", "value"))
        if "checkbox" not in tag and name != "csrf_token":
            values[name] = value
        elif " checked" in tag:
            values[name] = [*values.get(name, []), value]
    values["category"] = re.search(r'value="(\d+)" selected', form)[1]
    return values


def edit(desk: Staff, target: str, **changed: object):
    return desk.post(target, {**fields(desk.get(target).text), **changed}, follow_redirects=True)


def of(pages: Pages, external_id: str) -> attendees.Attendee:
    return attendees.attendee(pages.database.reader, pages.serial(external_id))


def test_telephone_and_order_number(pages: Pages, desk: Staff) -> None:
    edit(desk, address(pages, "A1", "/edit"), phone="+86 138 1234 5678", order_number="Q-7")
    text = words(desk.get(address(pages, "A1")).text)
    assert "Telephone +86 138 1234 5678 Order number Q-7" in text
    for typed in ("13812345678", "q7"):
        assert "Anna Keller" in desk.get(f"/admin/people/?q={typed}").text
    answer = edit(desk, address(pages, "A1", "/edit"), phone="none")
    assert "Telephone: is no telephone number" in answer.text
    assert of(pages, "A1").phone == "+86 138 1234 5678"


def test_a_job_title_and_a_latin_name_are_edited(pages: Pages, desk: Staff) -> None:
    edit(desk, address(pages, "A1", "/edit"), job_title="院长", latin_name="Anna KELLER-LI")
    assert (of(pages, "A1").job_title, of(pages, "A1").latin_name) == ("院长", "Anna KELLER-LI")
    assert "Job title 院长" in words(desk.get(address(pages, "A1")).text)
    answer = edit(desk, address(pages, "A1", "/edit"), latin_name="柳")
    assert "no Latin letter" in answer.text
    assert of(pages, "A1").latin_name == "Anna KELLER-LI"


def test_a_merge_takes_a_job_title_over(pages: Pages, desk: Staff) -> None:
    edit(desk, address(pages, "A2", "/edit"), job_title="院长")
    plan = people.merge_plan(pages.database.reader, pages.serial("A1"), pages.serial("A2"))
    assert "job_title" in {each.key for each in plan.filled}


def test_a_merge_takes_a_telephone_number_over(pages: Pages, desk: Staff) -> None:
    edit(desk, address(pages, "A2", "/edit"), phone="010 6278 1234", order_number="Q-7")
    plan = people.merge_plan(pages.database.reader, pages.serial("A1"), pages.serial("A2"))
    assert {"phone", "order_number"} <= {each.key for each in plan.filled}


NEW = {
    "given_name": "Nora", "family_name": "Quist", "country": "NO", "email": "n@example.org",
    "category": "4", "days": ["0", "2"], "zones": ["0"], "language": "en", "flag-1": "yes",
}  # fmt: skip


def test_somebody_is_registered(pages: Pages, desk: Staff) -> None:
    desk.get("/admin/people/new")
    answer = desk.post("/admin/people/new", NEW, follow_redirects=True)
    assert "Registered" in answer.text
    assert "Nora Quist: registered" in words(answer.text)
    assert ">Undo<" not in answer.text
    people, _ = attendees.find_attendees(pages.database.reader, "quist")
    assert (people[0].country, people[0].valid_days, people[0].zones, people[0].flags) == (
        "NO", 0b101, 1, 1,
    )  # fmt: skip
    assert acts(pages)[-1] == "attendee_added"


def test_a_venue_file_that_names_an_id_applies_once_somebody_has_it(
    pages: Pages, desk: Staff
) -> None:
    pages.database.write(lambda db: await_guests(db, "press", ["N7", "N8"], invited=True))
    desk.post("/admin/people/new", {**NEW, "external_id": "N7"})
    edit(desk, address(pages, "A1", "/edit"), external_id="N8")
    for external_id in ("N7", "N8"):
        ((session, invited),) = answers_of(pages.database.reader, pages.serial(external_id))
        assert (session.titles["en"], invited) == ("Press hour", True)
    assert awaited(pages.database.reader) == {}
    assert acts(pages)[-4:] == ["attendee_added", "guest_set", "attendee_changed", "guest_set"]


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"given_name": "", "family_name": ""}, "needs a name"),
        ({"email": "not an address"}, "E-mail: is not an e-mail address"),
        ({"email": "ANNA@example.org"}, "Another attendee has this e-mail address"),
        ({"external_id": "A1"}, "Another attendee has this external id"),
        ({"category": ""}, "a name and a category"),
        ({"category": "99"}, "There is no such category"),
        ({"given_name": "x" * 300}, "the limit is 120"),
    ],
)
def test_what_can_not_be(pages: Pages, desk: Staff, changed: dict, problem: str) -> None:
    desk.get("/admin/people/new")
    before = [line for line in dump(pages.database) if "web_session" not in line]
    answer = desk.post("/admin/people/new", {**NEW, **changed})
    assert answer.status_code == 400
    assert problem in answer.text
    assert "Quist" in answer.text or "family_name" in changed
    assert [line for line in dump(pages.database) if "web_session" not in line] == before


@pytest.mark.parametrize(
    "changed",
    [{"email": "nope"}, {"country": "Atlantis"}, {"given_name": "=1+1"}, {"given_name": "x" * 130}],
)
def test_what_can_not_be_is_said_in_chinese(
    pages: Pages, desk: Staff, changed: dict[str, str]
) -> None:
    answer = desk.post("/admin/people/new?lang=zh", {**NEW, **changed})
    alert = re.search(r'role="alert">([^<]*)<', answer.text)[1]
    assert not re.search("[a-z]+ [a-z]+|_", alert), alert


def test_a_form_sent_as_it_is_changes_nothing(pages: Pages, desk: Staff) -> None:
    explicit = "UPDATE attendee SET zones = 3, valid_days = 7 WHERE external_id = 'A2'"
    pages.database.write(lambda db: db.execute(explicit) and None)
    for external_id in ("A1", "A2", "A3", "A4"):
        before = of(pages, external_id)
        answer = edit(desk, address(pages, external_id, "/edit"))
        assert answer.status_code == 200
        assert of(pages, external_id) == before
    assert "attendee_changed" not in acts(pages)


def test_a_name_is_changed_and_the_badge_is_wrong(pages: Pages, desk: Staff) -> None:
    pages.issue()
    answer = edit(desk, address(pages, "A1", "/edit"), family_name="Keller-Mayr", category="2")
    text = words(answer.text)
    assert "Anna Keller-Mayr: category Delegate → Speaker, family name Keller → Keller-Mayr" in text
    assert "is out of date" in text
    undone = desk.post("/admin/edits/undo", undo_form(answer.text), follow_redirects=True)
    assert "Undone:" in undone.text
    assert of(pages, "A1").name == "Anna Keller"
    assert issuing.changed_badges(pages.database.reader, pages.event) == []


def test_two_who_edit_one_person(pages: Pages, desk: Staff) -> None:
    target = address(pages, "A1", "/edit")
    form = fields(desk.get(target).text)
    edit(pages.staff("badge_desk"), target, organisation="Elsewhere")
    answer = desk.post(target, {**form, "organisation": "Here"})
    assert answer.status_code == 400
    assert "Someone else has changed this" in answer.text
    assert of(pages, "A1").organisation == "Elsewhere"


TWINS = """\
id,given name,family name,organisation,country,email,category,invitations
B1,Anna,Keller,Other Office,DE,second@example.org,speaker,press
,Chen,Lee,Harbour Works,SG,chen.lee@example.org,delegate,opening
"""


@pytest.fixture
def twins(pages: Pages) -> Pages:
    load_roster(pages.database, TWINS, doubles="new", missing="keep")
    pages.issue()
    return pages


def merge_page(admin: Staff, stays: str, goes: str):
    return admin.get(f"{stays}/merge?other={goes.rpartition('/')[2]}")


def confirm(admin: Staff, stays: str, goes: str, page: str, **more: object):
    mark = re.search(r'name="mark" value="([0-9a-f]{16})"><label', re.sub(r"\s*\n", "", page))
    form = {"other": goes.rpartition("/")[2], "mark": mark[1] if mark else "x", "confirm": "yes"}
    return admin.post(f"{stays}/merge", {**form, **more}, follow_redirects=True)


def guests(pages: Pages, serial: int) -> dict[str, int]:
    query = "SELECT code, invited FROM session_guest JOIN session USING (session_id)"
    return dict(pages.database.reader.execute(f"{query} WHERE serial = ?", (serial,)).fetchall())


def share_an_office(pages: Pages) -> None:
    """B2 has the e-mail address of A1, and B1 has none."""
    people = (
        f"{ROSTER}B1,Anna,Keller,Harbour Pilots,DE,,delegate,,,,en\n"
        "B2,Zoe,Quint,Harbour Pilots,DE,anna@example.org,delegate,,,,en\n"
    )
    load_roster(pages.database, people, twins="new", doubles="new", shared_emails=True)


def test_a_merge_takes_a_shared_address_over(pages: Pages) -> None:
    share_an_office(pages)
    admin, anna, other = pages.staff("admin"), address(pages, "B1"), address(pages, "A1")
    page = merge_page(admin, anna, other)
    assert "anna@example.org is moved over" in words(page.text)
    confirm(admin, anna, other, page.text)
    assert of(pages, "B1").email == "anna@example.org"


def test_a_change_of_a_shared_address_is_undone(pages: Pages, desk: Staff) -> None:
    share_an_office(pages)
    answer = edit(desk, address(pages, "B2", "/edit"), email="zoe@example.org")
    desk.post("/admin/edits/undo", undo_form(answer.text))
    assert of(pages, "B2").email == "anna@example.org"


def test_a_merge_says_exactly_what_it_does_and_does_it(twins: Pages) -> None:
    pages, admin = twins, twins.staff("admin")
    anna, other = address(pages, "A1"), address(pages, "B1")
    results = admin.get(f"{anna}/merge")
    assert other.rpartition("/")[2] in results.text
    page = merge_page(admin, anna, other)
    text = words(page.text)
    goes = other.rpartition("/")[2]
    assert f"{goes} is revoked: its badge then opens no door" in text
    assert "“ Press hour ”: the removed record is invited" in text
    assert "is moved over, since" not in text  # the remaining person has all of it already
    before = [of(pages, "A1"), of(pages, "B1")]
    nothing = confirm(admin, anna, other, page.text, confirm="")
    assert "tick the box" in nothing.text
    assert [of(pages, "A1"), of(pages, "B1")] == before
    since = cursor(pages.database.reader)
    done = confirm(admin, anna, other, page.text)
    assert "stays" in words(done.text)
    kept, gone = of(pages, "A1"), of(pages, "B1")
    assert kept == before[0]
    assert gone.revoked_at is not None
    assert guests(pages, kept.serial) == {"press": 1}
    assert guests(pages, gone.serial) == {}
    kinds = {type(anna).__name__ for anna in changes(pages.database, since)}
    assert kinds == {"VenueChanged", "HolderChanged"}
    assert acts(pages)[-1] == "attendees_merged"
    undone = admin.post("/admin/edits/undo", undo_form(done.text), follow_redirects=True)
    assert "Undone:" in undone.text
    assert [of(pages, "A1"), of(pages, "B1")] == before
    assert guests(pages, gone.serial) == {"press": 1}


def test_what_the_one_who_stays_lacks_goes_over(twins: Pages) -> None:
    """A4 has no organisation, and the removed person has no registration."""
    pages, admin = twins, twins.staff("admin")
    double = pages.value("SELECT serial FROM attendee WHERE email = 'chen.lee@example.org'")
    stays, goes = f"/admin/people/{badge_number(double)}", address(pages, "A4")
    page = merge_page(admin, stays, goes)
    text = words(page.text)
    assert "“registration”: A4 is moved over" in text
    assert "e-mail" not in text.partition("Changes")[2]
    confirm(admin, stays, goes, page.text)
    assert pages.serial("A4") == double
    assert guests(pages, double) == {"opening": 1, "press": 1}
    other = merge_page(admin, goes, stays)
    assert "is revoked: keep the other" in admin.get(other.location).text


def test_a_refusal_stands_over_an_invitation(twins: Pages) -> None:
    pages, admin = twins, twins.staff("admin")
    anna, other = pages.serial("A1"), pages.serial("B1")
    pages.database.write(
        lambda db: (
            db.execute(
                "INSERT INTO session_guest SELECT session_id, ?, 0 FROM session"
                " WHERE code = 'press'",
                (anna,),
            )
            and None
        )
    )
    page = merge_page(admin, address(pages, "A1"), address(pages, "B1"))
    assert "is invited, the kept record is refused. Afterwards" in words(page.text)
    confirm(admin, address(pages, "A1"), address(pages, "B1"), page.text)
    assert guests(pages, anna) == {"press": 0}
    assert guests(pages, other) == {}


def test_who_speaks_goes_over(twins: Pages) -> None:
    pages, admin = twins, twins.staff("admin")
    speaks = """
[[speaker]]
session = "opening"
attendee = "B1"
name = "Anna Keller"
role = "keynote"
"""
    load_venue(pages.event, pages.database, speaks)
    anna, other = address(pages, "A1"), address(pages, "B1")
    page = merge_page(admin, anna, other)
    assert "is the speaker of “ Opening ” instead" in words(page.text)
    done = confirm(admin, anna, other, page.text)
    query = "SELECT serial, role FROM session_speaker"

    def speaker() -> tuple[int, str]:
        return tuple(pages.database.reader.execute(query).fetchone())

    assert speaker() == (pages.serial("A1"), "keynote")
    admin.post("/admin/edits/undo", undo_form(done.text))
    assert speaker() == (pages.serial("B1"), "keynote")


def test_a_merge_that_is_overtaken_does_nothing(twins: Pages) -> None:
    pages, admin = twins, twins.staff("admin")
    anna, other = address(pages, "A1"), address(pages, "B1")
    page = merge_page(admin, anna, other)
    edit(pages.staff("badge_desk"), f"{other}/edit", organisation="Elsewhere")
    answer = confirm(admin, anna, other, page.text)
    assert "Nothing was changed. Someone else has changed this" in answer.text
    assert of(pages, "B1").revoked_at is None


def test_who_is_inside_is_said(twins: Pages) -> None:
    pages, admin = twins, twins.staff("admin")
    west = pages.connected_kiosk("west-1", "h1-west")
    west.scan(pages.now, pages.serial("B1"), category=2)
    pages.send(west)
    text = words(merge_page(admin, address(pages, "A1"), address(pages, "B1")).text)
    assert "The removed person is in Hall 1 now, and stays counted there" in text


def test_what_does_not_go_over_is_said(twins: Pages) -> None:
    pages, admin = twins, twins.staff("admin")
    stays, goes = address(pages, "A1"), address(pages, "B1")
    assert "protocol guest" not in words(merge_page(admin, stays, goes).text)
    serial, user = pages.serial("B1"), 1

    def care(db: sqlite3.Connection) -> None:
        set_protocol_guest(db, serial, [user], by="test", now=NOW)
        kept_places.put(db, [(serial, "wheelchair")], by="test", now=NOW)

    pages.database.write(care)
    text = words(merge_page(admin, stays, goes).text)
    assert "The removed entry is a protocol guest." in text
    assert "Halls keep places for the removed entry." in text


def test_nobody_is_merged_with_themselves(pages: Pages) -> None:
    admin = pages.staff("admin")
    anna = address(pages, "A1")
    answer = merge_page(admin, anna, anna)
    assert "the same badge number" in admin.get(answer.location).text
    with pytest.raises(people.EditError):
        people.merge_plan(pages.database.reader, pages.serial("A1"), pages.serial("A1"))
    assert admin.get(f"{anna}/merge?other=ZZZZ").status_code == 404

"""A session's speakers, edited on its page."""

import html
import re

import pytest

from tests.server.core.edits.test_things import EVERYTHING
from tests.server.features.editing.test_editing import address, number, undo_form, words
from tests.server.support.pages import Pages, Staff, acts, assert_only
from tests.server.support.stores import changes, load_venue

Row = tuple[int | None, str, str, str, int | None]


def prepare(pages: Pages) -> None:
    load_venue(pages.event, pages.database, EVERYTHING)


def speakers(pages: Pages, session: str = "late") -> list[Row]:
    query = (
        "SELECT serial, label, name, role, p.starts_at FROM session_speaker p"
        " JOIN session s USING (session_id) WHERE s.code = ? ORDER BY position"
    )
    return [tuple(row) for row in pages.database.reader.execute(query, (session,))]


def names(pages: Pages) -> list[str]:
    return [row[2] for row in speakers(pages)]


def act(pages: Pages, admin: Staff, action: str, session: str = "late", **form: object):
    target = address(pages, "session", session, "/speakers/")
    seen = re.search(r'name="seen" value="([^"]+)"', admin.get(target).text)[1]
    return admin.post(target, {"act": action, "seen": seen, **form}, follow_redirects=True)


def badge(pages: Pages, admin: Staff, text: str) -> str:
    page = admin.get(address(pages, "session", "late", f"/speakers/?q={text}")).text
    return re.search(r'name="number" value="([^"]+)"', page)[1]


def test_somebody_is_found_and_speaks(pages: Pages, admin: Staff) -> None:
    before, since = speakers(pages), len(changes(pages.database))
    someone = badge(pages, admin, "A3")
    answer = act(
        pages, admin, "add", number=someone, role="keynote", starts="2026-05-05T20:15", name="x"
    )
    assert "added, as keynote" in words(answer.text)
    serial = pages.serial("A3")
    (new,) = speakers(pages)[len(before) :]
    assert new[0] == serial
    assert new[1] == "A3"
    assert new[3] == "keynote"
    assert new[4] is not None
    assert len(changes(pages.database)) > since
    assert acts(pages)[-1] == "venue_edited"
    since = len(changes(pages.database))
    admin.post("/admin/edits/undo", undo_form(answer.text))
    assert speakers(pages) == before
    assert len(changes(pages.database)) > since


def test_somebody_speaks_by_name_alone(pages: Pages, admin: Staff) -> None:
    answer = act(pages, admin, "add", name=" Li  Wei ", role="moderator", starts="")
    assert speakers(pages)[-1] == (None, "", "Li Wei", "moderator", None)
    assert "Not on the roster" in answer.text
    again = act(pages, admin, "add", name="li wei", role="speaker")
    assert "is its speaker twice" in words(again.text)
    assert len(speakers(pages)) == 3


def test_order_role_and_start(pages: Pages, admin: Staff) -> None:
    first, second = names(pages)
    act(pages, admin, "down", at=0)
    assert names(pages) == [second, first]
    act(pages, admin, "up", at=1)
    assert names(pages) == [first, second]
    act(pages, admin, "up", at=0)
    act(pages, admin, "down", at=1)
    assert names(pages) == [first, second]
    answer = act(pages, admin, "save", at=1, role="panellist", starts="2026-05-05T20:30")
    assert f"{second} speaker → panellist, with another time" in words(answer.text)
    changed = speakers(pages)[1]
    assert (changed[3], changed[4] is None) == ("panellist", False)
    assert (
        "Nothing changed"
        in act(pages, admin, "save", at=1, role="panellist", starts="2026-05-05T20:30").text
    )
    assert speakers(pages)[1] == changed


def test_everybody_may_be_taken_off_and_come_back(pages: Pages, admin: Staff) -> None:
    before = speakers(pages)
    act(pages, admin, "remove", at=0)
    answer = act(pages, admin, "remove", at=0)
    assert "No speakers yet" in answer.text
    assert speakers(pages) == []
    admin.post("/admin/edits/undo", undo_form(answer.text))
    assert speakers(pages) == before[1:]


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"name": "", "role": "speaker"}, "Write the speaker's name."),
        ({"name": "x" * 201, "role": "speaker"}, "is a text of 1 to 200"),
        ({"name": "X", "role": "star"}, "“Role” must be one of"),
        ({"name": "X", "role": "speaker", "starts": "soon"}, "“Start of the talk” is a local time"),
        ({"number": "A1", "role": "speaker"}, "is its speaker twice"),
    ],
)
def test_input_that_a_file_may_not_have(
    pages: Pages, admin: Staff, form: dict, message: str
) -> None:
    before = speakers(pages)
    if "number" in form:
        form = {**form, "number": badge(pages, admin, form["number"])}
    answer = act(pages, admin, "add", **form)
    assert message in words(html.unescape(answer.text))
    assert speakers(pages) == before


def test_a_refusal_and_the_banner_are_in_the_language_of_the_page(
    pages: Pages, admin: Staff
) -> None:
    admin.get("/admin/?lang=zh")
    refused = words(act(pages, admin, "add", name="X", role="speaker", starts="soon").text)
    assert "没有更改：“演讲开始时间” 须为当地时间" in refused
    assert "场次 晚：" in words(act(pages, admin, "remove", at=0).text)


def test_two_people_of_one_name_may_both_speak(pages: Pages, admin: Staff) -> None:
    numbers = []
    for _ in range(2):
        form = {"given_name": "Wei", "family_name": "Zhang", "category": "1", "language": "en"}
        pages.staff("admin").post("/admin/people/new", form)
    target = address(pages, "session", "late", "/speakers/?q=Zhang")
    numbers = re.findall(r'name="number" value="([^"]+)"', admin.get(target).text)
    assert len(numbers) == 2
    for badge_number in numbers:
        act(pages, admin, "add", number=badge_number, role="speaker")
    assert len(speakers(pages)) == 4
    again = act(pages, admin, "add", number=numbers[0], role="speaker")
    assert "is its speaker twice" in words(again.text)


def test_a_list_that_somebody_else_has_changed(pages: Pages, admin: Staff) -> None:
    target = address(pages, "session", "late", "/speakers/")
    seen = re.search(r'name="seen" value="([^"]+)"', admin.get(target).text)[1]
    act(pages, pages.staff("admin"), "remove", at=0)
    answer = admin.post(target, {"act": "remove", "seen": seen, "at": 0}, follow_redirects=True)
    assert "Someone else has changed this" in words(answer.text)
    assert len(speakers(pages)) == 1
    assert "Someone else has changed this" in words(act(pages, admin, "remove", at=7).text)


def test_what_is_no_form_of_ours(pages: Pages, admin: Staff) -> None:
    target = address(pages, "session", "late", "/speakers/")
    for form, status in (
        ({"act": "sing"}, 400), ({"act": "add", "csrf_token": "made up"}, 400),
    ):  # fmt: skip
        assert admin.post(target, form).status_code == status
    seen = re.search(r'name="seen" value="([^"]+)"', admin.get(target).text)[1]
    assert admin.post(target, {"act": "save", "seen": seen}).status_code == 400
    assert admin.post(target, {"act": "add", "seen": seen, "number": "?"}).status_code == 404
    assert admin.get("/admin/venue/session/99/speakers/").status_code == 404


def test_who_may(pages: Pages) -> None:
    target = f"/admin/venue/session/{number(pages, 'session', 'late')}/speakers/"
    assert_only(pages, target)
    assert_only(pages, target, method="POST")
    assert target in pages.staff("admin").get("/admin/programme/activities/tides").text
    assert target not in pages.staff("auditor").get("/admin/programme/activities/tides").text

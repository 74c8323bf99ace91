"""The console's page of phones: codes, six words, places, updates."""

import html
import re
from collections.abc import Callable

import pytest

from badges.credential.keys import PrivateKey
from badges.wire import wire
from badges.wire.enrolment import EnrolmentCode, parse_code, proof, six_words
from server.core.kiosks import phones, registry
from server.core.kiosks.registry import CODE_LIFE_MS
from server.core.occupancy.phone_places import phone_places
from server.features.phone_doors import alerts
from server.features.phone_doors import pages as console
from tests.server.support.pages import Pages, Staff, acts, assert_only

FORM = {"prefix": "North", "doors": ["h1-west", "main"], "phones": 2}


@pytest.fixture(autouse=True)
def current(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Set the version of the page's files."""

    def set_version(version: str) -> None:
        for module in (alerts, console):
            monkeypatch.setattr(module, "files_version", lambda: version)

    set_version("new")
    return set_version


def key_of(number: int) -> PrivateKey:
    return PrivateKey(number.to_bytes(32, "big"))


def code_in(page: str) -> EnrolmentCode:
    link = re.search(r"https://[^/\s<]+/door/#(HKE1\.[^<\s\"]+)", html.unescape(page))
    assert link
    return parse_code(link[1])


def show(pages: Pages, code: EnrolmentCode, key: PrivateKey) -> wire.EnrolAnswer | str:
    """A phone shows the code. Return the answer, or the error's code."""
    signature = proof(key, code.token)
    asked = wire.EnrolRequest(code.token, key.public.raw, signature, device="phone")
    answer = pages.stranger().client.post(
        "/api/enrol", data=wire.encode(asked), base_url="https://localhost"
    )
    if answer.status_code != 200:
        return wire.decode(answer.data, wire.ErrorAnswer).error.code
    return wire.decode(answer.data, wire.EnrolAnswer)


def decide(admin: Staff, act: str, kiosk: str, words: str, *, code: EnrolmentCode | None = None):
    fields = {"seen": f"1 {words}", "code": "" if code is None else code.text()}
    return admin.post(f"/admin/phones/{kiosk}/{act}", fields, follow_redirects=True)


def state_of(pages: Pages, kiosk: str) -> str:
    return {row.kiosk: row.state for row in registry.kiosks(pages.database.reader)}[kiosk]


def enrolled(pages: Pages, admin: Staff, number: int = 1) -> str:
    """A phone that works. Return its name."""
    code = code_in(admin.post("/admin/phones/code", {**FORM, "phones": 1}).text)
    show(pages, code, key_of(number))
    kiosk = f"north-{number}"
    decide(admin, "confirm", kiosk, six_words(key_of(number).public.raw, code.token))
    return kiosk


def test_it_works(pages: Pages) -> None:
    """From the form to two phones at work, without leaving the page of their code."""
    admin = pages.staff("admin")
    page = admin.post("/admin/phones/code", FORM)
    assert page.status_code == 201
    code = code_in(page.text)
    assert "0 of 2 phones have used it" in page.text
    for number in (1, 2):
        assert show(pages, code, key_of(number)) == wire.EnrolAnswer(confirmed=False)
        words = six_words(key_of(number).public.raw, code.token)
        assert words in admin.get("/admin/phones/waiting").text
        answer = decide(admin, "confirm", f"north-{number}", words, code=code)
        assert f"north-{number} is a door now" in answer.text
        assert code_in(answer.text) == code, "the next phone can still scan it"
    assert state_of(pages, "north-1") == state_of(pages, "north-2") == "active"
    assert show(pages, code, key_of(1)).confirmed
    assert acts(pages)[-3:] == ["phone_code_made", "kiosk_confirmed", "kiosk_confirmed"]
    listed = admin.get("/admin/phones/").text
    assert "north-1" in listed
    assert "north-2" in listed


def test_more_devices_than_the_code_is_for_are_shown(pages: Pages) -> None:
    admin = pages.staff("admin")
    code = code_in(admin.post("/admin/phones/code", {**FORM, "phones": 1}).text)
    show(pages, code, key_of(1))
    assert "the code has leaked" not in admin.get("/admin/phones/").text
    assert show(pages, code, key_of(2)) == "code_used_up"
    assert show(pages, code, key_of(3)) == "code_used_up"
    page = admin.get("/admin/phones/").text
    assert "Tried 2 times more by other devices." in page
    assert "the code has leaked" in page


def test_a_phone_that_is_not_ours_is_refused(pages: Pages) -> None:
    admin = pages.staff("admin")
    code = code_in(admin.post("/admin/phones/code", FORM).text)
    show(pages, code, key_of(1))
    words = six_words(key_of(1).public.raw, code.token)
    answer = decide(admin, "refuse", "north-1", words, code=code)
    assert "north-1 is refused" in answer.text
    assert show(pages, code, key_of(1)) == "wrong_code"
    assert acts(pages)[-1] == "phone_refused"
    assert "north-1" not in admin.get("/admin/kiosks/").text


@pytest.mark.parametrize("act", ["confirm", "refuse"])
def test_only_the_words_that_were_seen_are_decided_upon(pages: Pages, act: str) -> None:
    admin = pages.staff("admin")
    code = code_in(admin.post("/admin/phones/code", FORM).text)
    show(pages, code, key_of(1))
    answer = decide(admin, act, "north-1", "other words than the phone has shown", code=code)
    assert answer.status_code == 409
    assert "compare again" in answer.text
    assert code_in(answer.text) == code, "the page of the code stays"
    assert state_of(pages, "north-1") == "proven"


def test_words_are_good_for_fifteen_minutes(pages: Pages) -> None:
    admin = pages.staff("admin")
    code = code_in(admin.post("/admin/phones/code", FORM).text)
    show(pages, code, key_of(1))
    words = six_words(key_of(1).public.raw, code.token)
    pages.now += CODE_LIFE_MS
    assert words not in admin.get("/admin/phones/").text
    assert "compare again" in decide(admin, "confirm", "north-1", words).text
    assert state_of(pages, "north-1") == "proven"


def test_a_second_tap_changes_nothing(pages: Pages) -> None:
    admin = pages.staff("admin")
    code = code_in(admin.post("/admin/phones/code", FORM).text)
    show(pages, code, key_of(1))
    words = six_words(key_of(1).public.raw, code.token)
    for _ in range(2):
        assert "north-1 is a door now" in decide(admin, "confirm", "north-1", words).text
    assert acts(pages).count("kiosk_confirmed") == 1


def test_a_refused_phone_is_not_confirmed(pages: Pages) -> None:
    admin = pages.staff("admin")
    code = code_in(admin.post("/admin/phones/code", FORM).text)
    show(pages, code, key_of(1))
    words = six_words(key_of(1).public.raw, code.token)
    decide(admin, "refuse", "north-1", words, code=code)
    answer = decide(admin, "confirm", "north-1", words, code=code)
    assert answer.status_code == 409
    assert code_in(answer.text) == code, "the page of the code stays"
    assert state_of(pages, "north-1") == "retired"


def test_a_sheet_has_a_code_for_each_phone(pages: Pages) -> None:
    admin = pages.staff("admin")
    page = admin.post("/admin/phones/sheet", {**FORM, "phones": 3})
    assert page.status_code == 201
    assert page.text.count("<svg") >= 3
    assert re.findall(r"north-\d", page.text.partition("<main")[2])[::2] == [
        "north-1", "north-2", "north-3",
    ]  # fmt: skip
    assert "3 codes of sheets are unused" in admin.get("/admin/phones/").text
    assert "north-1" not in admin.get("/admin/kiosks/").text, "nothing works there yet"
    shown = re.findall(
        r'form="decide" name="shown" value="([^"]+)"', admin.get("/admin/phones/waiting").text
    )
    answer = admin.post("/admin/phones/end-codes", {"shown": shown}, follow_redirects=True)
    assert "3 codes have ended" in answer.text


@pytest.mark.parametrize("kind", ["code", "sheet"])
@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"prefix": "north_1"}, "is no name for a kiosk"),
        ({"doors": []}, "choose at least one door"),
        ({"doors": ["nowhere"]}, "there is no door"),
        ({"phones": "0"}, "1 to 200 phones"),
        ({"phones": "many"}, "1 to 200 phones"),
    ],
)
def test_bad_input_makes_no_code(
    shown: Pages, kind: str, wrong: dict[str, object], problem: str
) -> None:
    answer = shown.known("admin").post(f"/admin/phones/{kind}", {**FORM, **wrong})
    assert answer.status_code == 400
    assert problem in answer.text.lower() or problem in answer.text
    assert phones.shared_codes(shown.database.reader, shown.now) == []


def test_the_places_of_each_phone(pages: Pages) -> None:
    admin = pages.staff("admin")
    answer = admin.post("/admin/phones/places", {"places": "25"}, follow_redirects=True)
    assert "Saved." in answer.text
    assert phone_places(pages.database.reader) == 25
    for wrong in ("", "-1", "ten", "1001"):
        answer = admin.post("/admin/phones/places", {"places": wrong}, follow_redirects=True)
        assert 'class="notice bad"' in answer.text
    assert phone_places(pages.database.reader) == 25


def test_phones_with_an_earlier_page_are_asked_to_update(
    pages: Pages, current: Callable[[str], None]
) -> None:
    admin = pages.staff("admin")
    kiosk = enrolled(pages, admin)
    health = wire.Health(version="1.0.0", files="old", alone=2, storage=wire.StorageState.FLEETING)
    pages.execute(
        "UPDATE kiosk SET health = ?, seen_at = ? WHERE kiosk = ?",
        wire.encode(health).decode(), pages.now, kiosk,
    )  # fmt: skip
    page = admin.get("/admin/phones/").text
    assert "1 phone runs an earlier version" in page
    assert "online only" in page
    board = admin.get("/admin/").text
    assert "1 phone runs an earlier version" in board
    assert "Its browser may delete its data" in board
    answer = admin.post("/admin/phones/update", follow_redirects=True)
    assert "1 phone is asked to update" in answer.text
    assert "asked to update" in answer.text
    current("old")
    assert "earlier version" not in admin.get("/admin/phones/").text


def test_a_server_without_the_page_says_so(shown: Pages, current: Callable[[str], None]) -> None:
    current("")
    assert "its libraries are missing" in shown.known("admin").get("/admin/phones/").text


def test_phones_are_named_as_such(pages: Pages) -> None:
    admin = pages.staff("admin")
    kiosk = enrolled(pages, admin)
    row = admin.get("/admin/kiosks/").text.split(f'id="kiosk-{kiosk}"')[1].split("</tr>")[0]
    assert ">phone</span>" in row
    assert "hallkeeper-kiosk run" not in row
    assert "(phone)" in admin.get("/admin/acts").text


def test_entries_and_discrepancies_name_the_phone(pages: Pages) -> None:
    pages.issue()
    phone, kiosk = pages.kiosk("side-1", "h1-west"), pages.kiosk("west", "h1-west")
    pages.execute("UPDATE kiosk SET device = 'phone' WHERE kiosk = 'side-1'")
    revoked = pages.serial("A1")
    pages.revoke(revoked)
    for door in (phone, kiosk):
        pages.send(door)
        door.scan(pages.now, revoked, category=1)
        pages.send(door)
    auditor = pages.staff("auditor")
    for address in ("/admin/entries", "/admin/attention/?kind=discrepancy"):
        page = auditor.get(address).text.partition("<main")[2]
        named = re.findall(r">(side-1|west)</span>( <span class=\"tag quiet\">phone)?", page)
        assert {name: bool(tag) for name, tag in named} == {"side-1": True, "west": False}, address


def test_who_may_see_them(pages: Pages) -> None:
    assert_only(pages, "/admin/phones/", "auditor")
    assert_only(pages, "/admin/phones/waiting", "auditor")


@pytest.mark.parametrize(
    "act", ["code", "sheet", "north-1/confirm", "north-1/refuse", "end-codes", "places", "update"]
)
def test_only_admins_change_them(pages: Pages, act: str) -> None:
    assert_only(pages, f"/admin/phones/{act}", method="POST")
    page = pages.staff("auditor").get("/admin/phones/").text.partition("<main")[2]
    assert "<button" not in page

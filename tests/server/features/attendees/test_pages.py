"""Attendees: search, one attendee, card, reissue, revoke."""

import json
import re

import pypdfium2
import pytest

from badges.credential.badge_number import badge_number
from badges.credential.credential import open_credential
from server.core.event.directory import Event
from server.core.people import attendees, cards, issuing
from server.core.venue import kept_places
from server.storage.database import Database
from tests.server.conftest import MINUTE
from tests.server.support.pages import Pages, acts

prepare = Pages.issue  # for every attendee


def address(pages: Pages, external_id: str, rest: str = "") -> str:
    return f"/admin/people/{badge_number(pages.serial(external_id))}{rest}"


def confirmed(reason: str, **more: object) -> dict[str, object]:
    return {"reason": reason, "confirm": "yes", **more}


def test_it_works(pages: Pages) -> None:
    desk = pages.staff("badge_desk")
    results = desk.get("/admin/people/?q=keller")
    assert results.status_code == 200
    assert "Anna Keller" in results.text
    assert "Novak" not in results.text
    person = desk.get(address(pages, "A1"))
    assert person.status_code == 200
    for text in ("Anna Keller", "Harbour Pilots", "Germany", "anna@example.org", "Issue 1"):
        assert text in person.text


def test_a_kept_place(pages: Pages) -> None:
    desk = pages.staff("badge_desk")
    chosen = r'value="(\w*)" selected'

    def answer_to(kind: str) -> str:
        where = address(pages, "A1", "/kept-place")
        return desk.post(where, {"kind": kind}, follow_redirects=True).text

    assert re.findall(chosen, desk.get(address(pages, "A1")).text)[-1:] in ([""], [])
    page = answer_to("companion")
    assert "Doors of halls that keep places know" in page
    assert "companion" in re.findall(chosen, page)
    assert "choose from the list" in answer_to("pilot")
    assert kept_places.kind_of(pages.database.reader, pages.serial("A1")) == "companion"
    assert "No place is kept" in answer_to("")
    assert kept_places.serials(pages.database.reader) == []
    assert acts(pages)[-2:] == ["kept_places_set", "kept_places_set"]


def test_a_badge_number_or_a_name_in_any_script_finds(pages: Pages) -> None:
    desk = pages.staff("badge_desk")
    assert "王小明" in desk.get("/admin/people/?q=王小明").text
    number = badge_number(pages.serial("A3")).lower()
    assert "Boris Novak" in desk.get(f"/admin/people/?q={number}").text
    assert "No matches" in desk.get("/admin/people/?q=zzz").text


def test_pages_of_the_list(shown: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.features.attendees.pages.PAGE_ROWS", 3)
    desk = shown.staff("badge_desk")
    first, second = (desk.get(f"/admin/people/?page={page}").text for page in (1, 2))
    numbers = [set(re.findall(r"/admin/people/(\w{5})", text)) for text in (first, second)]
    assert (len(numbers[0]), len(numbers[1])) == (3, 1)
    assert not numbers[0] & numbers[1]
    assert "Page 1 of 2" in first
    assert desk.get("/admin/people/?page=99").status_code == 200
    assert desk.get("/admin/people/?page=x").status_code == 200


def test_a_search_is_shown_as_text(pages: Pages) -> None:
    text = pages.staff("badge_desk").get('/admin/people/?q="><script>x</script>').text
    assert "<script>x" not in text
    assert "&lt;script&gt;x" in text


@pytest.mark.parametrize("number", ["00000", "ZZZZZ", "nobody", "..%2f"])
def test_an_unknown_number_is_not_found(shown: Pages, number: str) -> None:
    assert shown.staff("badge_desk").get(f"/admin/people/{number}").status_code == 404


def test_scans_and_whereabouts_are_shown(pages: Pages) -> None:
    main = pages.connected_kiosk("main-1", "main")
    main.scan(pages.now, pages.serial("A1"), facts_age_ms=5 * MINUTE)
    pages.now += 20 * MINUTE
    pages.send(main)
    text = pages.staff("badge_desk").get(address(pages, "A1")).text
    assert "In Harbour Centre since" in text
    assert "Main entrance" in text
    assert "reported 20 min later" in text
    assert "decided on data 5 min old" in text


def test_the_card_is_a_pdf_of_one_page(pages: Pages) -> None:
    answer = pages.staff("badge_desk").get(address(pages, "A2", "/card.pdf"))
    assert answer.mimetype == "application/pdf"
    assert "王" not in answer.headers["Content-Disposition"]
    document = pypdfium2.PdfDocument(answer.data)
    try:
        assert len(document) == 1
    finally:
        document.close()


def test_a_transliterated_name_is_marked_for_correction(pages: Pages) -> None:
    desk = pages.staff("badge_desk")
    page = desk.get(address(pages, "A2")).text
    assert "WANG Xiaoming" in page
    assert "transliterated: check it" in page
    pages.change_attendee(pages.serial("A2"), latin_name="Ming WANG")
    page = desk.get(address(pages, "A2")).text
    assert "Ming WANG" in page
    assert "transliterated" not in page
    assert "In Latin letters" not in desk.get(address(pages, "A1")).text


def test_each_card_is_counted(pages: Pages) -> None:
    desk = pages.staff("badge_desk")
    for _ in range(2):
        desk.get(address(pages, "A2", "/card.pdf"))
    query = "SELECT printed FROM badge WHERE serial = ?"
    assert pages.value(query, pages.serial("A2")) == 2


def test_a_card_that_changed_since_it_was_printed(pages: Pages) -> None:
    """The page reports it until the card is reprinted."""
    desk, serial = pages.staff("badge_desk"), pages.serial("A2")

    def has_changed() -> bool:
        db = pages.database.reader
        (card,) = cards.read(db, pages.event, issuing.current_badges(db, [serial]))
        return card.has_changed

    desk.get(address(pages, "A2", "/card.pdf"))
    assert not has_changed()
    pages.change_attendee(serial, organisation="Harbour Museum")
    assert has_changed()
    desk.get(address(pages, "A2", "/card.pdf"))
    assert not has_changed()
    query = "SELECT body FROM leaf WHERE kind = 'act' ORDER BY number DESC LIMIT 1"
    act = json.loads(pages.value(query))
    assert (act["act"], act["subject"]["again"]) == ("badges_printed", 1)


def test_a_card_that_cannot_be_drawn_is_said(shown: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    from badges.printing import card

    def refuse(*_: object, **__: object) -> bytes:
        raise card.CardError("no installed font draws it")

    monkeypatch.setattr(card, "render_pdf", refuse)
    desk = shown.staff("badge_desk")
    answer = desk.get(address(shown, "A1", "/card.pdf"), follow_redirects=True)
    assert answer.status_code == 200
    assert "The card can&#39;t be drawn: no installed font draws it" in answer.text


def test_reissuing_voids_the_badge_before(pages: Pages) -> None:
    desk, serial = pages.staff("badge_desk"), pages.serial("A1")
    before = issuing.current_badge(pages.database.reader, serial)
    target = address(pages, "A1", "/reissue")
    answer = desk.post(target, confirmed("lost", issue=1), follow_redirects=True)
    assert "Issue 2 is valid now" in answer.text
    badge = issuing.current_badge(pages.database.reader, serial)
    assert badge.issue == 2
    assert badge.credential != before.credential
    assert open_credential(pages.event.ring, badge.credential).issue == 2
    assert acts(pages)[-1] == "badge_reissued"


def test_pressing_reissue_twice_makes_one_badge(pages: Pages) -> None:
    desk, target = pages.staff("badge_desk"), address(pages, "A1", "/reissue")
    assert desk.post(target, confirmed("lost", issue=1)).status_code == 303
    assert desk.post(target, confirmed("lost", issue=1)).status_code == 409
    assert issuing.current_badge(pages.database.reader, pages.serial("A1")).issue == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"reason": "lost", "issue": 1},
        {"confirm": "yes", "issue": 1},
        {"reason": "he was rude", "confirm": "yes", "issue": 1},
    ],
    ids=["unconfirmed", "no reason", "a reason of their own"],
)
def test_reason_and_confirmation_are_needed(shown: Pages, fields: dict[str, object]) -> None:
    desk = shown.staff("badge_desk")
    answer = desk.post(address(shown, "A1", "/reissue"), fields, follow_redirects=True)
    assert "Nothing was changed" in answer.text
    assert issuing.current_badge(shown.database.reader, shown.serial("A1")).issue == 1


def test_a_likely_copy_is_shown_and_settled(pages: Pages) -> None:
    serial, desk = pages.serial("A1"), pages.staff("badge_desk")
    pages.database.write(
        lambda db: (
            db.execute("INSERT INTO likely_copy VALUES (?, 1, 0, ?, NULL)", (serial, 1)) and None
        )
    )
    assert "Likely a copied badge" in desk.get(address(pages, "A1")).text
    target = address(pages, "A1", "/no-copy")
    assert "tick the box" in desk.post(target, follow_redirects=True).text
    earlier = {"confirm": "yes", **desk.fields_shown(address(pages, "A1"), target)}
    pages.execute("UPDATE likely_copy SET number = 7 WHERE serial = ?", serial)
    refused = desk.post(target, earlier, follow_redirects=True).text
    assert "New: scan 7. Gone: scan 0." in refused
    assert "Likely a copied badge" in refused
    asked = {"confirm": "yes", **desk.fields_shown(address(pages, "A1"), target)}
    settled = desk.post(target, asked, follow_redirects=True).text
    assert "admits the badge" in settled
    assert "Likely a copied badge" not in settled
    assert "is none any more" in desk.post(target, {"confirm": "yes"}, follow_redirects=True).text
    assert acts(pages)[-1] == "copy_denied"


def test_a_new_issue_settles_a_likely_copy(pages: Pages) -> None:
    serial, desk = pages.serial("A1"), pages.staff("badge_desk")
    pages.database.write(
        lambda db: (
            db.execute("INSERT INTO likely_copy VALUES (?, 1, 0, ?, NULL)", (serial, 1)) and None
        )
    )
    fields = confirmed("stolen", issue=1)
    page = desk.post(address(pages, "A1", "/reissue"), fields, follow_redirects=True).text
    assert "Likely a copied badge" not in page


def test_revoking_and_reinstating(pages: Pages) -> None:
    admin, serial = pages.staff("admin"), pages.serial("A3")
    target = address(pages, "A3", "/revoke")
    answer = admin.post(target, confirmed("conduct"), follow_redirects=True)
    assert "is revoked at every door" in answer.text
    assert attendees.attendee(pages.database.reader, serial).revoked_at == pages.now
    again = admin.post(target, confirmed("conduct"), follow_redirects=True)
    assert "revoked already" in again.text
    target = address(pages, "A3", "/reinstate")
    answer = admin.post(target, confirmed("mistake"), follow_redirects=True)
    assert "is reinstated" in answer.text
    assert attendees.attendee(pages.database.reader, serial).revoked_at is None
    assert acts(pages)[-2:] == ["badge_revoked", "badge_reinstated"]


def test_a_revoked_attendee_gets_no_new_badge(pages: Pages) -> None:
    admin = pages.staff("admin")
    admin.post(address(pages, "A3", "/revoke"), confirmed("conduct"))
    page = admin.get(address(pages, "A3")).text
    assert "Issue a new badge" not in page
    answer = admin.post(
        address(pages, "A3", "/reissue"), confirmed("lost", issue=1), follow_redirects=True
    )
    assert "reinstate the attendee first" in answer.text


def test_the_card_of_a_revoked_attendee_is_not_made(pages: Pages) -> None:
    admin = pages.staff("admin")
    admin.post(address(pages, "A3", "/revoke"), confirmed("conduct"))
    answer = admin.get(address(pages, "A3", "/card.pdf"), follow_redirects=True)
    assert "This badge is revoked, and no door admits it: reinstate the attendee" in answer.text
    assert "badges_printed" not in acts(pages)


def test_the_first_badge_is_issued_at_the_desk(event: Event, site: Database) -> None:
    with Pages(event, site) as pages:
        desk, target = pages.staff("badge_desk"), address(pages, "A1")
        assert "Issue the badge" in desk.get(target).text
        assert desk.get(f"{target}/card.pdf").status_code == 404
        answer = desk.post(f"{target}/reissue", confirmed("first", issue=0), follow_redirects=True)
        assert "Issue 1 is valid now." in answer.text


def test_the_phone_link_is_for_those_who_hand_out_badges(shown: Pages) -> None:
    target = address(shown, "A1")
    page = shown.staff("badge_desk").get(target).text
    match = re.search(r"https://localhost:8443(/b/[\w-]+)", page)
    assert match
    assert shown.stranger().get(match[1]).status_code == 200
    auditor = shown.staff("auditor").get(target).text
    assert "/b/" not in auditor
    assert "<svg xmlns" not in auditor


def test_a_phone_link_is_renewed_and_revoked(pages: Pages) -> None:
    desk, target = pages.staff("badge_desk"), address(pages, "A1")

    def link(page: str) -> str | None:
        match = re.search(r"https://localhost:8443(/b/[\w-]+)", page)
        return match and match[1]

    first = link(desk.get(target).text)
    unconfirmed = desk.post(f"{target}/link/renew", follow_redirects=True).text
    assert "Nothing was changed: tick the box." in unconfirmed
    assert link(unconfirmed) == first

    def asked() -> dict[str, object]:
        return {"confirm": "yes", **desk.fields_shown(target, f"{target}/link/renew")}

    earlier = asked()
    renewed = desk.post(f"{target}/link/renew", earlier, follow_redirects=True).text
    assert "has a new link" in renewed
    second = link(renewed)
    assert pages.stranger().get(first).status_code == 410
    assert pages.stranger().get(second).status_code == 200

    twice = desk.post(f"{target}/link/renew", earlier, follow_redirects=True).text
    assert "New: link 1. Gone: link 0." in twice
    assert link(twice) == second

    revoked = desk.post(f"{target}/link/revoke", asked(), follow_redirects=True).text
    assert "leads nowhere now" in revoked
    assert link(revoked) is None
    assert "There is no valid link." in revoked
    assert pages.stranger().get(second).status_code == 410
    again = desk.post(f"{target}/link/revoke", asked(), follow_redirects=True).text
    assert "revoked already" in again

    third = link(desk.post(f"{target}/link/renew", asked(), follow_redirects=True).text)
    assert pages.stranger().get(third).status_code == 200
    assert acts(pages)[-3:] == ["phone_link_renewed", "phone_link_revoked", "phone_link_renewed"]

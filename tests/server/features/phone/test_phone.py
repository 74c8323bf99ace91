"""An attendee's badge on a phone."""

import io
import re
from dataclasses import replace

import pytest
import zxingcpp
from PIL import Image

from badges.credential.badge_number import badge_number
from badges.credential.credential import open_credential
from server.core.event.directory import Event
from server.core.people import attendees, issuing, phone_links
from server.core.people.phone_token import phone_token
from server.core.venue import store
from server.features.phone import programme
from server.storage.database import Database
from server.web.services import address
from tests.server.conftest import HOUR, VENUE
from tests.server.support.pages import Pages, words
from tests.server.support.stores import load_venue

prepare = Pages.issue  # for every attendee


def link(pages: Pages, external_id: str) -> str:
    badge = issuing.current_badge(pages.database.reader, pages.serial(external_id))
    return f"/b/{phone_token(pages.event, badge.serial, badge.issue)}"


def decoded(page: str) -> str:
    """The text of the page's QR symbol, drawn from its SVG and decoded."""
    side = int(re.search(r'viewBox="0 0 (\d+) ', page)[1])
    picture = Image.new("L", (side, side), 255)
    for x, y, width in re.findall(r"M(\d+) (\d+)h(\d+)v1", page):
        picture.paste(0, (int(x), int(y), int(x) + int(width), int(y) + 1))
    codes = zxingcpp.read_barcodes(picture.resize((side * 6, side * 6), Image.Resampling.NEAREST))
    assert len(codes) == 1
    return codes[0].text


def test_it_works(shown: Pages) -> None:
    answer = shown.stranger().get(link(shown, "A2"))
    assert answer.status_code == 200
    for text in ("王小明", "海事大学", "Speaker", "演讲嘉宾", "Opening", "开幕式", "11:00–12:00"):
        assert text in answer.text
    credential = open_credential(shown.event.ring, decoded(answer.text))
    assert credential.serial == shown.serial("A2")


def test_the_programme_is_this_attendees(shown: Pages) -> None:
    stranger = shown.stranger()
    assert "Press hour" in stranger.get(link(shown, "A3")).text  # press
    assert "Press hour" in stranger.get(link(shown, "A4")).text  # invited by name
    assert "Press hour" not in stranger.get(link(shown, "A1")).text


def test_the_programme_has_no_session_of_a_day_on_which_the_badge_is_not_valid(
    pages: Pages,
) -> None:
    """A3's badge is valid on the first day, A4's on the first two."""
    tomorrow = VENUE.replace("2026-05-04 13", "2026-05-05 13")
    load_venue(pages.event, pages.database, tomorrow.replace("2026-05-04 14", "2026-05-05 14"))
    stranger = pages.stranger()
    for page in ("", "/programme.ics"):
        assert "Press hour" not in stranger.get(link(pages, "A3") + page).text
        assert "Press hour" in stranger.get(link(pages, "A4") + page).text


SPOKEN = """
[[organisation]]
code = "pilots"
name = "Harbour Pilots' Union"
name_zh = "引航员协会"
kind = "association"
[[organisation]]
code = "port"
name = "Port <b>Authority</b>"
kind = "government"
[[activity]]
code = "ports"
kind = "conference"
title = "Forum on Ports"
lead = ["pilots", "port"]
co_hosts = []
[[session]]
code = "ports-1"
hall = "h1"
title = "Ports, first part"
title_zh = "港口（一）"
activity = "ports"
categories = ["delegate"]
starts = "2026-05-05 09:00"
ends = "2026-05-05 10:00"
[[speaker]]
session = "ports-1"
attendee = "A2"
role = "keynote"
starts = "2026-05-05 09:10"
[[speaker]]
session = "ports-1"
attendee = "later@example.org"
name = "Lara Later"
role = "moderator"
[[speaker]]
session = "ports-1"
attendee = "third@example.org"
name = "Theo Third"
"""


def test_the_programme_says_kind_hosts_speakers_and_hall(pages: Pages) -> None:
    load_venue(pages.event, pages.database, SPOKEN)
    shown = words(pages.stranger().get(link(pages, "A1")).text)
    for text in (
        "Conference 会议",
        "Ports, first part 港口（一）",
        "Hall 1 一号厅",
        "Hosted by Harbour Pilots&#39; Union 引航员协会 , Port &lt;b&gt;Authority",
        "王小明 (Keynote speaker), Lara Later (Moderator), Theo Third",
    ):
        assert text in shown
    assert "You speak" not in shown


def test_a_speakers_own_talks_come_first(pages: Pages) -> None:
    load_venue(pages.event, pages.database, SPOKEN)
    answer = pages.stranger().get(f"{link(pages, 'A2')}?lang=en")
    shown = words(answer.text)
    assert "You speak 09:10 Tue, May 5 Hall 1 一号厅 Keynote speaker Ports" in shown
    assert shown.index("You speak") < shown.index("Your programme")


def test_many_speakers_are_counted(pages: Pages) -> None:
    more = "".join(
        f'[[speaker]]\nsession = "ports-1"\nattendee = "x{n}"\nname = "Person {n}"\n'
        for n in range(20)
    )
    load_venue(pages.event, pages.database, SPOKEN + more)
    shown = words(pages.stranger().get(link(pages, "A1")).text)
    assert "Person 4" in shown
    assert "Person 5" not in shown
    assert "and 15 more" in shown


def test_the_page_asks_nobody_else_and_has_no_script_of_its_own(pages: Pages) -> None:
    """Every address is ours, and the policy admits only our files and one style."""
    target, stranger = link(pages, "A1"), pages.stranger()
    answer = stranger.get(target)
    addresses = set(
        re.findall(r"""(?:src|href|url|action)\s*[=(]\s*["']?([^"')\s>]+)""", answer.text)
    )
    own = ("/static/", f"{target}/", f"webcal://localhost:8443{target}/")
    assert {href for href in addresses if not href.startswith(own)} == {"?lang=en", "?lang=zh"}
    for href in addresses:
        address = href.replace("&amp;", "&").removeprefix("webcal://localhost:8443")
        with stranger.get(address if address[0] == "/" else target + address) as linked:
            assert linked.status_code == 200
    assert re.findall(r"<script[^>]*>(.*?)</script>", answer.text) == [""]
    assert not re.search(r" on\w+=", answer.text)
    nonce = re.search(r'<style nonce="([^"]+)">', answer.text)
    assert nonce
    policy = answer.headers["Content-Security-Policy"]
    assert f"style-src 'self' 'nonce-{nonce[1]}'" in policy
    assert "script-src 'self';" in policy
    assert "manifest-src 'self';" in policy
    assert "unsafe" not in policy
    assert answer.text.count("<style") == 1
    assert " style=" not in answer.text


def test_the_worker_is_everybodys_and_knows_nobody(shown: Pages) -> None:
    answer = shown.stranger().get("/b/worker.js")
    assert answer.mimetype == "text/javascript"
    assert answer.headers["Cache-Control"] == "no-cache"
    for badge in issuing.current_badges(shown.database.reader):
        assert phone_token(shown.event, badge.serial, badge.issue) not in answer.text
        assert badge.credential not in answer.text


def test_the_manifest_leads_to_this_page_and_names_nobody(shown: Pages) -> None:
    target = link(shown, "A1")
    answer = shown.stranger().get(f"{target}/manifest.webmanifest?lang=zh")
    assert answer.mimetype == "application/manifest+json"
    manifest = answer.get_json()
    assert manifest["start_url"] == manifest["scope"] == manifest["id"] == target
    assert (manifest["display"], manifest["lang"]) == ("standalone", "zh-Hans")
    assert "Keller" not in answer.text
    for icon in manifest["icons"]:
        with shown.stranger().get(icon["src"]) as drawn:
            if icon["type"] == "image/png":
                with Image.open(io.BytesIO(drawn.data)) as picture:
                    assert f"{picture.width}x{picture.height}" == icon["sizes"]


def test_it_is_in_the_attendees_language(pages: Pages) -> None:
    def spoken(external_id: str, query: str = "", like: str = "") -> str:
        target = link(pages, external_id) + query
        page = pages.stranger().get(target, headers={"Accept-Language": like}).text
        return re.search(r'<html lang="([^"]+)"', page)[1]

    change = "UPDATE attendee SET language = 'de' WHERE external_id = 'A1'"
    pages.database.write(lambda db: db.execute(change) and None)
    languages = {
        external_id: attendees.attendee(pages.database.reader, pages.serial(external_id)).language
        for external_id in ("A1", "A2")
    }
    assert languages == {"A1": "de", "A2": "zh"}
    assert spoken("A2", like="en") == "zh-Hans"  # by the roster
    assert spoken("A1", like="zh-CN") == "zh-Hans"  # by the browser: there is no German
    assert spoken("A1") == "en"
    assert spoken("A2", "?lang=en", like="zh") == "en"  # by choice


def test_chinese_comes_first_on_a_chinese_page(pages: Pages) -> None:
    load_venue(pages.event, pages.database, SPOKEN)
    shown = words(pages.stranger().get(link(pages, "A2")).text)
    for text in (
        "港口（一） Ports, first part",
        "一号厅 Hall 1",
        "演讲嘉宾 Speaker",
        "5月5日周二",
        "主旨演讲嘉宾",
        "您的日程",
    ):
        assert text in shown


def halls_told(pages: Pages, external_id: str) -> dict[str, str]:
    answer = pages.stranger().get(f"{link(pages, external_id)}/halls")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    state = answer.get_json()
    assert state["at"] == pages.now
    names = {hall.hall_id: hall.code for hall in store.halls(pages.database.reader)}
    return {names[int(hall)]: word for hall, word in state["halls"].items()}


def test_a_full_hall_is_shown_on_the_phone(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programme, "FRESH_S", 0.0)
    assert halls_told(pages, "A1") == {"h1": "open"}

    def fill(inside: str) -> None:
        change = f"UPDATE hall SET open_stays = {inside}"
        pages.database.write(lambda db: db.execute(change) and None)

    fill("capacity - 1")
    assert halls_told(pages, "A1") == {"h1": "nearly"}
    fill("capacity")
    assert halls_told(pages, "A1") == {"h1": "full"}
    page = pages.stranger().get(link(pages, "A1")).text
    assert '<span class="state" data-state="full">Full</span>' in page
    assert pages.stranger().get(f"/b/{'A' * 27}/halls").status_code == 404


def test_now_and_next_come_first_and_what_is_over_is_folded(shown: Pages) -> None:
    def parts() -> dict[str, str]:
        page = shown.stranger().get(link(shown, "A1")).text
        headings = re.findall(r'<(?:div|details) id="(now|next|later|past)"( hidden)?>', page)
        texts = re.split(r'<(?:div|details) id="(?:now|next|later|past)"', page)[1:]
        return {
            name: "" if hidden else text
            for (name, hidden), text in zip(headings, texts, strict=True)
        }

    def holds(title: str) -> list[str]:
        return [name for name, text in parts().items() if f">{title}<" in text]

    opening = shown.database.reader.execute(
        "SELECT starts_at, ends_at FROM session WHERE titles LIKE '%Opening%'"
    ).fetchone()
    shown.now = opening["starts_at"] - 1
    assert holds("Opening") == ["next"]
    shown.now = opening["starts_at"]
    assert holds("Opening") == ["now"]
    shown.now = opening["ends_at"]
    assert holds("Opening") == ["past"]
    assert "<details open" not in parts()["past"]


def test_a_renewed_link_is_gone_in_plain_words(pages: Pages) -> None:
    before, serial = link(pages, "A2"), pages.serial("A2")
    pages.database.write(lambda db: phone_links.renew(db, serial, by="test", now=pages.now))
    for target in (before, f"{before}/halls", f"{before}/manifest.webmanifest"):
        answer = pages.stranger().get(target)
        assert answer.status_code == 410
        assert answer.headers["Hallkeeper-Page"] == "gone"
        assert "此证件链接已失效" in answer.text  # in the attendee's own language
        assert "王" not in answer.text
        assert "<script" not in answer.text
    badge = issuing.current_badge(pages.database.reader, serial)
    newest = phone_links.token(pages.database.reader, pages.event, badge)
    answer = pages.stranger().get(f"/b/{newest}")
    assert (answer.status_code, answer.headers["Hallkeeper-Page"]) == (200, "badge")


def test_a_link_is_in_no_log(shown: Pages, caplog: pytest.LogCaptureFixture) -> None:
    target = link(shown, "A1")
    with caplog.at_level("DEBUG"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(programme, "shown", lambda *_: 1 / 0)
            shown.app.testing = False
            patch.setitem(shown.app.config, "PROPAGATE_EXCEPTIONS", False)
            assert shown.stranger().get(target).status_code == 500
    assert "ZeroDivisionError" in caplog.text
    assert target.removeprefix("/b/") not in caplog.text


def test_nobody_between_keeps_it(shown: Pages) -> None:
    headers = shown.stranger().get(link(shown, "A1")).headers
    assert headers["Cache-Control"].startswith("private")
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "Set-Cookie" not in headers


def test_only_what_the_attendee_needs_is_shown(shown: Pages) -> None:
    text = shown.stranger().get(link(shown, "A1")).text
    assert "anna@example.org" not in text
    assert ">A1<" not in text


@pytest.mark.parametrize("token", ["x", "A" * 27, "A" * 4000, "%00", "王", "-" * 27])
def test_an_unknown_link_is_not_found(shown: Pages, token: str) -> None:
    answer = shown.stranger().get(f"/b/{token}")
    assert answer.status_code == 404
    assert "Nothing here" in answer.text


def test_every_changed_letter_is_not_found(shown: Pages) -> None:
    target, stranger = link(shown, "A1"), shown.stranger()
    for at in range(3, len(target) - 1):
        changed = "A" if target[at] != "A" else "B"
        answer = stranger.get(target[:at] + changed + target[at + 1 :])
        assert answer.status_code == 404


def test_a_replaced_badge_is_gone_without_a_name(pages: Pages) -> None:
    before, serial = link(pages, "A1"), pages.serial("A1")
    pages.reissue(serial)
    answer = pages.stranger().get(before)
    assert answer.status_code == 410
    assert "ask at the badge desk" in answer.text
    assert "Keller" not in answer.text
    assert pages.stranger().get(link(pages, "A1")).status_code == 200


def test_a_revoked_badge_is_gone(pages: Pages) -> None:
    target, serial = link(pages, "A1"), pages.serial("A1")
    pages.revoke(serial)
    assert pages.stranger().get(target).status_code == 410


def test_another_events_link_is_not_found(shown: Pages) -> None:
    other = replace(shown.event, phone_secret=bytes(32))
    token = phone_token(other, shown.serial("A1"), 1)
    assert shown.stranger().get(f"/b/{token}").status_code == 404


def test_names_are_set_as_text(pages: Pages) -> None:
    name = "<img src=x onerror=alert(1)>"
    change = "UPDATE attendee SET given_name = ? WHERE external_id = 'A1'"
    pages.database.write(lambda db: db.execute(change, (name,)) and None)
    text = pages.stranger().get(link(pages, "A1")).text
    assert "<img" not in text
    assert "&lt;img src=x" in text


def test_of_many_sessions_the_next_are_shown(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    def add(db) -> None:
        db.execute(
            "INSERT INTO session (code, hall_id, titles, starts_at, ends_at, opens_at, closes_at)"
            " SELECT 'late', hall_id, '{\"en\": \"Late\"}', starts_at + ?, ends_at + ?,"
            " opens_at + ?, closes_at + ? FROM session WHERE code = 'press'",
            (HOUR, HOUR, HOUR, HOUR),
        )
        db.execute(
            "INSERT INTO session_category SELECT session_id, 1 FROM session WHERE code = 'late'"
        )
        db.execute(
            "INSERT INTO session_guest SELECT session_id, ?, 1 FROM session WHERE code = 'press'",
            (pages.serial("A1"),),
        )

    pages.database.write(add)
    target = link(pages, "A1")
    notice = "Your badge is for more sessions than are shown here"
    monkeypatch.setattr(programme, "SESSIONS_SHOWN", 3)
    page = pages.stranger().get(target).text
    assert all(title in page for title in ("Opening", "Press hour", ">Late<"))
    assert notice not in page
    monkeypatch.setattr(programme, "SESSIONS_SHOWN", 1)
    page = pages.stranger().get(target).text
    assert page.index("Opening") < page.index("Press hour") < page.index(notice)
    assert ">Late<" not in page
    pages.now += 3 * HOUR  # the opening is over
    page = pages.stranger().get(target).text
    assert "Opening" not in page
    assert "Press hour" in page


def test_behind_a_proxy_links_have_its_name(event: Event, site: Database) -> None:
    settings = replace(event.settings, phone_address="https://badges.example.org")
    with Pages(replace(event, settings=settings), site) as pages:
        pages.issue()
        page = (
            pages.staff("badge_desk").get(f"/admin/people/{badge_number(pages.serial('A1'))}").text
        )
        assert re.search(r"https://badges\.example\.org/b/[\w-]{27}", page)
        assert "localhost:8443/b/" not in page


@pytest.mark.parametrize(
    ("peer", "header", "expected"),
    [
        ("10.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("::ffff:10.0.0.1", "198.51.100.1, 203.0.113.7", "203.0.113.7"),  # the proxy's own header
        ("10.0.0.1", "::ffff:203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "2001:db8::7", "2001:db8::7"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "<script>", "10.0.0.1"),
        ("203.0.113.9", "10.0.0.1", "203.0.113.9"),  # other senders are not trusted
    ],
)
def test_a_proxy_says_for_whom_it_asks(
    event: Event, site: Database, peer: str, header: str, expected: str
) -> None:
    settings = replace(event.settings, proxy="10.0.0.1")
    with Pages(replace(event, settings=settings), site) as pages:
        headers = {"X-Forwarded-For": header}
        with pages.app.test_request_context(environ_base={"REMOTE_ADDR": peer}, headers=headers):
            assert address() == expected
    with Pages(event, site) as pages:  # without a proxy
        with pages.app.test_request_context(environ_base={"REMOTE_ADDR": peer}, headers=headers):
            assert address() == peer.removeprefix("::ffff:")

"""The attendee's page in Chromium, behind a certificate of a trusted authority: kept for a hall
without a network, printed to one sheet, read by the kiosk, and accessible.
"""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from server.demo.forum.forum import noon_zone
from tests.browser.attendee.phones import (
    DESK,
    LANGUAGE,
    ON_ITS_SIDE,
    SIZES,
    SMALL,
    UPRIGHT,
    Phone,
    address,
    put,
    renew,
    serve_trusted,
    sheets,
    venue,
)
from tests.browser.engine.axe import COLOUR_RULES, RULES, faults, layout, turn
from tests.kiosk.support.fake_server import FakeServer
from tests.kiosk.texts.pseudo_language import left_out, made_up
from tests.server.support.authority import Authority
from tests.server.web.language import test_i18n
from tests.system.support.site import LiveSite, now_ms, site

LONG, CHINESE, MADE_UP, OTHER = 1, 2, 3, 4  # people of the roster
PEOPLE = {
    LONG: ("Maria-Magdalena", "von Hohenzollern-Sigmaringen",
           "Federal Waterways and Shipping Administration, Directorate-General", "en"),
    CHINESE: ("小明", "王", "海事大学", "zh"),
    MADE_UP: ("ليلى", "حداد", "هيئة الموانئ", LANGUAGE),
    OTHER: ("Omar", "Sy", "", "en"),
}  # fmt: skip
LANGUAGES = {LONG: "en", CHINESE: "zh-Hans", MADE_UP: LANGUAGE}
SERIOUS = ("serious", "critical", "moderate")


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority(now_ms())


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[LiveSite]:
    _, day = noon_zone(now_ms())
    days = [str(day + timedelta(days=n)) for n in range(2)]
    with site(tmp_path_factory.mktemp("forum"), venue(days), people=8) as forum:
        for number, facts in PEOPLE.items():
            put(forum, "UPDATE attendee SET given_name = ?, family_name = ?, organisation = ?,"
                " language = ? WHERE external_id = ?", *facts, str(number))  # fmt: skip
        put(forum, "UPDATE hall SET open_stays = capacity WHERE code = 'small'")
        add_made_up(forum.event.path / "translations")
        serve_trusted(forum, authority)
        yield forum


def add_made_up(directory: Path) -> None:
    at = directory / LANGUAGE / "LC_MESSAGES"
    at.mkdir(parents=True)
    quoted = [tuple(json.dumps(part, ensure_ascii=False) for part in (text, made_up(text)))
              for text in texts()]  # fmt: skip
    entries = [
        f"msgid {text}\nmsgstr {translation}\n"
        for text, translation in quoted
        if "%(num)s" not in text
    ]
    entries += [
        f"msgid {text}\nmsgid_plural {text}\n"
        + "".join(f"msgstr[{n}] {translation}\n" for n in range(6))
        for text, translation in quoted
        if "%(num)s" in text
    ]
    (at / "server.po").write_text("\n".join(entries), "utf-8")


def texts() -> list[str]:
    """Each marked text, which test_i18n finds in the Chinese file. A search of the server's whole
    code takes seconds.
    """
    with test_i18n.CHINESE.open("rb") as file:
        ids = [message.id for message in read_po(file) if message.id]
    return sorted(message if isinstance(message, str) else message[0] for message in ids)


@pytest.fixture(scope="module")
def _phone(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Phone]:
    opened = Phone(tmp_path_factory.mktemp("phone"), authority)
    yield opened
    opened.close()


@pytest.fixture
def phone(_phone: Phone, place: LiveSite) -> Phone:
    """It has kept nothing of the previous test."""
    if not place.server.alive:
        place.start_server()
    _phone.as_new(place.event.settings.public_address)
    _phone.resize(UPRIGHT)
    _phone.theme("light")
    return _phone


def test_it_opens_without_a_network(phone: Phone, place: LiveSite) -> None:
    target = address(place, LONG)
    phone.open(target)
    assert "Halls as of now" in phone.text
    place.server.stop()
    phone.browser.refresh()
    assert phone.read("offline") == [place.badge(LONG)]
    assert phone.is_kept
    assert "Maria-Magdalena" in phone.text
    phone.wait("the age", lambda: "No network: halls as of 1 minute ago" in phone.text)
    phone.shot("offline-age")
    # Opened again, and from a link with a language.
    phone.browser.get("about:blank")
    for again in (target, f"{target}?lang=zh"):
        phone.browser.get(again)
        assert place.badge(LONG) in phone.read("offline-again")
    assert phone.log() == []


def test_it_keeps_that_page_alone(phone: Phone, place: LiveSite) -> None:
    first, second = address(place, LONG), address(place, OTHER)
    phone.open(first)
    phone.open(second)
    kept = phone.kept()
    own = [target.removeprefix(place.event.settings.public_address) for target in (first, second)]
    assert sorted(kept) == sorted(f"hallkeeper {path}" for path in own)
    for path in own:
        pages = [entry for entry in kept[f"hallkeeper {path}"] if "/static/" not in entry]
        assert pages == [place.event.settings.public_address + path]
        assert len(kept[f"hallkeeper {path}"]) == 5  # with its style, script and icons
    place.server.stop()
    phone.browser.get(first)
    assert "Maria-Magdalena" in phone.text
    phone.browser.get(second)
    assert "Omar" in phone.text
    assert "Maria-Magdalena" not in phone.text


def test_a_link_that_is_gone_takes_the_kept_badge_along(phone: Phone, place: LiveSite) -> None:
    target, code = address(place, OTHER), place.badge(OTHER)
    phone.open(target)
    place.server.stop()
    phone.browser.refresh()
    assert phone.read("before-gone") == [code]
    renew(place, OTHER)
    place.start_server()
    phone.script("dispatchEvent(new Event('online'))")
    phone.wait("the words", lambda: "This badge link is no longer valid" in phone.text)
    assert phone.read("gone") == []
    place.server.stop()
    phone.browser.refresh()
    assert "This badge link is no longer valid" in phone.text
    assert "Omar" not in phone.script("return document.documentElement.outerHTML")
    (kept,) = phone.kept().values()
    assert target in kept  # and it is these words
    place.start_server()
    phone.open(address(place, OTHER))
    assert phone.read("renewed") == [code]


def test_nobody_in_between_takes_its_place(phone: Phone, place: LiveSite) -> None:
    """Not even the venue network's log-in page, behind a trusted certificate."""
    target = address(place, LONG)
    phone.open(target)
    place.server.stop()
    between = FakeServer(place.event.certificate_path, b"", port=place.port)
    try:
        phone.browser.refresh()
        assert phone.read("between") == [place.badge(LONG)]
        assert any("/b/" in request.target for request in between.requests)
    finally:
        between.close()
    phone.browser.refresh()
    assert phone.read("between-gone") == [place.badge(LONG)]


def test_a_silent_network_is_awaited_for_a_moment_only(phone: Phone, place: LiveSite) -> None:
    import socket

    phone.open(address(place, LONG))
    place.server.stop()
    with socket.socket() as silent:
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        silent.bind(place.address)
        silent.listen(64)  # accepts connections and never answers
        phone.browser.refresh()
        assert "Maria-Magdalena" in phone.text


@pytest.mark.parametrize("number", LANGUAGES)
def test_it_is_one_sheet(phone: Phone, place: LiveSite, number: int) -> None:
    phone.open(address(place, number))
    for theme in ("light", "dark"):
        phone.theme(theme)
        for name, paper in {"a4": {}, "letter": {"paperWidth": 8.5, "paperHeight": 11.0}}.items():
            path = phone.printed(f"{LANGUAGES[number]}-{theme}-{name}", **paper)
            assert sheets(path) == 1
            assert code_on(path) == [place.badge(number)]


@pytest.mark.parametrize("number", LANGUAGES)
def test_nothing_is_cut_off_on_paper(phone: Phone, place: LiveSite, number: int) -> None:
    phone.open(address(place, number))
    phone.theme("light", media="print")
    phone.resize((703, 1000), scale=1)  # the area between the margins of A4, in CSS pixels
    phone.shot(f"paper-{LANGUAGES[number]}")
    cut = phone.script(
        "const main = document.querySelector('main');"
        "return [main.scrollHeight - main.clientHeight, main.scrollWidth - main.clientWidth]"
    )
    assert max(cut) <= 1
    shown = phone.script(
        "return [...document.querySelectorAll('li[data-start]')]"
        ".filter((one) => one.checkVisibility()).length"
    )
    assert shown == 6


def code_on(path: Path) -> list[str]:
    import pypdfium2

    from kiosk.cli.read import read_files

    document = pypdfium2.PdfDocument(path)
    picture = document[0].render(scale=150 / 72).to_pil()
    document.close()
    drawn = path.with_suffix(".png")
    picture.save(drawn, compress_level=1)
    (reading,) = read_files([str(drawn)])
    return [code.text for code in reading.texts]


@pytest.mark.parametrize("number", LANGUAGES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_kiosk_reads_it(phone: Phone, place: LiveSite, theme: str, number: int) -> None:
    phone.theme(theme)
    phone.open(address(place, number))
    for size in SIZES:
        phone.resize(size)
        name = f"{LANGUAGES[number]}-{theme}-{size[0]}x{size[1]}"
        assert phone.read(name) == [place.badge(number)], name
        wide = phone.script("return document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, name
        ground, side = phone.script(GROUND)
        assert ground == "rgb(255, 255, 255)"
        assert side >= {UPRIGHT: 370, ON_ITS_SIDE: 370, DESK: 480, SMALL: 300}[size], name
    assert phone.log() == []


GROUND = """
const svg = document.querySelector(".qr svg").getBoundingClientRect();
return [getComputedStyle(document.querySelector(".qr")).backgroundColor,
        Math.min(svg.width, svg.height, innerHeight - svg.top)];
"""


@pytest.mark.parametrize("number", LANGUAGES)
def test_axe_finds_nothing(phone: Phone, place: LiveSite, axe: str, number: int) -> None:
    phone.open(address(place, number))
    phone.script("document.querySelector('#past').open = true")
    for size in (UPRIGHT, ON_ITS_SIDE):
        phone.resize(size)
        places = set()
        for theme, rules in (("light", RULES), ("dark", COLOUR_RULES)):
            turn(phone.browser, theme)
            places.add(layout(phone.browser))
            assert faults(phone.browser, axe, rules) == [], (theme, size)
        assert len(places) == 1, "more than colours differ: look with all rules"


def test_each_is_in_their_language(phone: Phone, place: LiveSite) -> None:
    for number, tag in LANGUAGES.items():
        phone.browser.get(address(place, number))
        assert phone.script("return document.documentElement.lang") == tag
        direction = "rtl" if tag == LANGUAGE else "ltr"
        assert phone.script("return document.documentElement.dir") == direction
    phone.open(address(place, MADE_UP))
    parts = phone.script(SAID)
    assert len(parts) > 20
    assert [part for part in parts if left_out(part)] == []
    # It can be switched, and the choice stays.
    phone.browser.find_element("css selector", '.languages a[lang="zh-Hans"]').click()
    phone.wait("Chinese", lambda: "您的日程" in phone.text)
    phone.browser.get(address(place, LONG))
    assert "您的日程" in phone.text


# All words except names of people, halls, sessions, categories and languages, and dates.
SAID = """
const own = "h1, .who p, .event, .banner, .title, .hall > span[dir], .day, h4, time, .languages, "
  + "bdi, .kind, svg, .talks b, .talks span[dir], #past-count, script, style";
const out = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
document.querySelector("#past").open = true;
while (walker.nextNode())
  if (!walker.currentNode.parentElement.closest(own)) out.push(walker.currentNode.textContent);
for (const one of document.querySelectorAll("[aria-label]")) out.push(one.ariaLabel);
return out.map((text) => text.trim()).filter(Boolean);
"""


def test_full_halls_are_told_while_it_is_open(phone: Phone, place: LiveSite) -> None:
    phone.open(address(place, LONG))
    states = "return [...document.querySelectorAll('#now .state, #next .state')]" \
        ".map((one) => one.textContent)"  # fmt: skip
    assert phone.script(states) == ["Places free", "Full", "Places free"]
    put(place, "UPDATE hall SET open_stays = capacity - 10 WHERE code = 'big'")
    try:

        def is_full() -> bool:
            phone.script("dispatchEvent(new Event('online'))")
            return phone.script(states) == ["Nearly full", "Full", "Nearly full"]

        phone.wait("the hall", is_full)
        for name in ("programme", "languages"):
            phone.script("document.querySelector(arguments[0]).scrollIntoView()", f".{name}")
            phone.shot(f"{name}-nearly-full")
    finally:
        put(place, "UPDATE hall SET open_stays = 0 WHERE code = 'big'")


def test_the_hours_move_on_without_a_network(phone: Phone, place: LiveSite) -> None:
    phone.open(address(place, LONG))
    place.server.stop()
    phone.cdp("Page.addScriptToEvaluateOnNewDocument",
              source="const now = Date.now; Date.now = () => now() + 3 * 3600e3;")  # fmt: skip
    phone.browser.refresh()
    titles = (
        "return [...document.querySelectorAll(arguments[0] + ' .title')]"
        ".map((one) => one.firstChild.textContent)"
    )
    later = ["Workshop: pilots and remote piloting", "Green corridors"]
    phone.wait("the later hours", lambda: phone.script(titles, "#now") == later)
    assert phone.script(titles, "#next")[0].startswith("Round table 17")
    assert len(phone.script(titles, "#past")) == 2
    assert not phone.script("return document.querySelector('#past').open")
    assert "halls as of" not in phone.text  # too long ago


def test_it_can_be_put_on_the_home_screen(phone: Phone, place: LiveSite) -> None:
    target = address(place, LONG)
    phone.open(target)
    answer = phone.cdp("Page.getAppManifest")
    assert answer["errors"] == []
    manifest = json.loads(answer["data"])
    assert place.event.settings.public_address + manifest["start_url"] == target
    assert phone.cdp("Page.getInstallabilityErrors")["installabilityErrors"] == []

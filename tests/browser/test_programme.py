"""The programme on a live door's page: readable from afar, complete, in both languages, at once."""

from collections.abc import Iterator

import pytest

from badges.admission.facts import Direction
from badges.wire import wire
from tests.browser.live_door import NAMED, LiveDoor, now_ms
from tests.browser.page import LARGE, SIZES, SMALL, Page
from tests.kiosk.support.door_fixture import badge

MINUTE = 60_000
LONG = (
    "Forum on Trustworthy Artificial Intelligence for Sustainable Cities and Communities in a"
    " Changing Climate"
)
LONG_ZH = "面向可持续城市与社区的可信人工智能及气候变化应对国际合作高峰论坛暨成果发布会"
NAMES = [
    ("Ada Weber", "keynote"), ("欧阳娜娜", "moderator"), ("محمد بن عبد الرحمن الفارسي", "speaker"),
    ("Maria-Magdalena von Hohenzollern-Sigmaringen", "panellist"),
    ("Александра Константинопольская", "panellist"), ("ประเสริฐ วงศ์สวัสดิ์", "speaker"),
    ("இளங்கோவன் சுப்பிரமணியன்", "speaker"), ("Nguyễn Thị Minh Khai", "panellist"),
]  # fmt: skip


@pytest.fixture
def page(kept_page: Page) -> Page:
    return kept_page


def session(number: int, starts_in_min: int, **changes: object) -> wire.SessionFacts:
    starts_at = now_ms() + starts_in_min * MINUTE
    facts: dict[str, object] = {
        "session": number,
        "titles": {"en": "Quantum Computing", "zh": "量子计算"},
        "opens_at": starts_at - 30 * MINUTE,
        "closes_at": starts_at + 60 * MINUTE,
        "categories": [],
        "invited": [],
        "refused": [],
        "starts_at": starts_at,
        "ends_at": starts_at + 60 * MINUTE,
        "kind": {"en": "Conference", "zh": "会议"},
        "hosts": [{"en": "Academy of Sciences", "zh": "科学院"}],
        "speakers": [
            wire.SpeakerFacts(name="Ada Weber", role="keynote", serial=NAMED),
            wire.SpeakerFacts(name="欧阳娜娜", role="moderator"),
        ],
    }
    return wire.SessionFacts(**{**facts, **changes})


SHORT = {
    "titles": {"en": "Chips and Lunch", "zh": "芯片午餐会"},
    "speakers": [wire.SpeakerFacts(name="Bo Li", role="panellist")],
}


@pytest.fixture
def cleared(door: LiveDoor, page: Page) -> Iterator[None]:
    """Restores the door afterwards."""
    yield
    tell(door)
    page.wait("nothing", lambda: not page.shown("#programme"))


def tell(door: LiveDoor, *sessions: wire.SessionFacts) -> None:
    door.event.facts["sessions"] = list(sessions)
    door.event.publish(wire.VenueChanged())


def size_of(page: Page, css: str) -> float:
    size = page.script(
        "return getComputedStyle(document.querySelector(arguments[0])).fontSize", css
    )
    return float(size.removesuffix("px"))


def spilt(page: Page) -> list[str]:
    """Parts of the programme outside of it, or of the page's middle."""
    return list(
        page.script(
            """
            const box = document.getElementById("programme");
            const outer = box.getBoundingClientRect();
            const out = [];
            for (const part of box.querySelectorAll("*")) {
              const inner = part.getBoundingClientRect();
              if (!inner.width || !inner.height) continue;
              // What a shortened line cuts off is below the line, and is not seen.
              const cutOff = part.parentElement.matches(".hosts, .speakers, .title");
              const inside = inner.left >= outer.left - 1 && inner.right <= outer.right + 1 &&
                (cutOff || (inner.top >= outer.top - 1 && inner.bottom <= outer.bottom + 1));
              if (!inside) out.push(part.className || part.tagName);
            }
            if (box.scrollHeight > box.clientHeight + 1) out.push("higher");
            if (box.scrollWidth > box.clientWidth + 1) out.push("wider");
            return out;
            """
        )
    )


@pytest.mark.usefixtures("cleared")
def test_now_and_next_in_both_languages(door: LiveDoor, page: Page) -> None:
    tell(door, session(1, -20), session(2, 90, **SHORT))
    page.wait("it", lambda: page.shown('#programme [data-when="next"]'))
    words = page.text("programme")
    for text in ("正在进行", "接下来", "会议", "Conference", "量子计算", "Quantum Computing"):
        assert text in words
    for text in ("主办：科学院", "Ada Weber（主旨演讲）", "欧阳娜娜（主持）", "Bo Li（对话嘉宾）"):
        assert text in words
    assert words.index("量子计算") < words.index("Quantum Computing")
    for size in SIZES:
        page.resize(size)
        page.shot("programme")
        page.holds_all(lambda: page.cut() + spilt(page))
        assert size_of(page, '[data-when="now"] .title') > size[0] * 0.034  # Readable at 4 m.

    page.press("\ue032")  # F2
    words = page.text("programme")
    assert words.index("Quantum Computing") < words.index("量子计算")
    for text in ("Now", "Next", "Hosted by Academy of Sciences", "Ada Weber (keynote)"):
        assert text in words
    for size in SIZES:
        page.resize(size)
        page.shot("programme-en")
        page.holds_all(lambda: page.cut() + spilt(page))
    page.press("\ue032")


@pytest.mark.usefixtures("cleared")
@pytest.mark.parametrize("count", [1, 2])
def test_long_titles_and_many_names_wrap_and_stay(door: LiveDoor, page: Page, count: int) -> None:
    speakers = [wire.SpeakerFacts(name=name, role=role) for name, role in NAMES * 4]
    long = {
        "titles": {"en": LONG, "zh": LONG_ZH},
        "speakers": speakers,
        "hosts": [{"en": f"Ministry of Science, Technology and Innovation {n}"} for n in range(5)],
    }
    tell(door, *(session(n, -20 + 90 * n, **long) for n in range(count)))
    page.wait("it", lambda: LONG_ZH in page.text("programme"))
    for turn in ("zh", "en"):
        for size in (*SIZES, (768, 1024)):
            page.resize(size)
            page.shot(f"programme-long-{count}-{turn}")
            page.holds_all(lambda: page.cut() + spilt(page))
            if size in SIZES:
                assert size_of(page, '[data-when="now"] .title') > size[0] * 0.027
                detail = page.script("return document.getElementById('programme').dataset.detail")
                assert detail in (
                    "some", "few", "titles",
                )  # fmt: skip
        page.press("\ue032")
    page.resize(LARGE)


@pytest.mark.usefixtures("cleared")
def test_a_changed_title_is_shown_without_a_reload(door: LiveDoor, page: Page) -> None:
    tell(door, session(1, -20))
    page.wait("it", lambda: "量子计算" in page.text("programme"))
    page.script(
        """
        window.changed = false;
        new MutationObserver(() => {
          if (document.getElementById("programme").textContent.includes("改名"))
            window.changed = true;
        }).observe(document.getElementById("programme"), { childList: true, subtree: true });
        """
    )
    tell(door, session(1, -20, titles={"zh": "改名", "en": "Renamed"}))
    page.wait("the new title", lambda: page.script("return window.changed"))


@pytest.mark.usefixtures("cleared")
def test_a_speaker_is_greeted_in_both_languages(door: LiveDoor, page: Page) -> None:
    tell(door, session(1, -1))
    page.wait("it", lambda: page.shown("#programme"))
    door.turn(Direction.ENTRY)
    page.scan(badge(NAMED))
    page.wait("the greeting", lambda: page.shown("#speaks"))
    assert "主旨演讲嘉宾" in page.text("speaks-1")
    assert page.text("speaks-2").startswith("Keynote speaker, ")
    assert page.text("speaks-2").endswith(" here")
    assert "主旨演讲嘉宾" in page.text("spoken")
    assert not page.shown("#programme")
    for size in (SMALL, LARGE):
        page.resize(size)
        page.shot("greeting")
        page.holds_all()
    door.turn(Direction.EXIT)
    page.scan(badge(NAMED))
    page.wait("goodbye", lambda: page.tone == "goodbye")
    assert not page.shown("#speaks")

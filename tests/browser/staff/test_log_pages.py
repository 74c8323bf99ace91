"""Pages of the entry log and of receipts in a browser, in two languages, light and dark, wide and
narrow. axe-core finds nothing, and nothing is wider than the screen.
"""

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.event.directory import Event
from server.features.evidence.export import export
from server.features.evidence.selection import Selection
from server.storage.database import Database
from tests.browser.staff.test_staff_pages import NARROW, STATIC, WIDE, Window, media, turn_to
from tests.server.conftest import MINUTE, NOW
from tests.server.features.phone.test_receipts import link
from tests.server.support.pages import Pages


@pytest.fixture
def pages(event: Event, site: Database, tmp_path: Path) -> Iterator[Pages]:
    with Pages(event, site) as opened:
        opened.issue()
        main, west = opened.connected_kiosk("main-1", "main"), opened.kiosk("west-1", "h1-west")
        for name in ("A1", "A2", "A3"):
            entry = main.scan(opened.now, opened.serial(name), category=1)
        main.leave(opened.now + MINUTE, opened.serial("A3"), main.ref(entry))
        west.scan(opened.now, opened.serial("A1"), decision="denied", reason="hall_closed")
        opened.now += 2 * MINUTE
        opened.send(main)
        opened.send(west)
        for act, subject in ((Act.HALL_CLOSED, {"hall": 2}),
                             (Act.BADGE_REVOKED, {"serial": opened.serial("A2")})):  # fmt: skip
            opened.database.write(
                lambda db, act=act, subject=subject: entry_log.act(db, "user:1", act, subject, NOW)
            )
        yield opened


def answers(pages: Pages, tmp_path: Path, language: str) -> dict[str, str]:
    """Each page by a short name."""
    out = tmp_path / "export.zip"
    with pages.database.reading() as db:
        export(db, pages.event, out, Selection(), now=NOW, progress=lambda at, of: None)
    auditor = pages.staff("auditor")
    auditor.get(f"/admin/log/?lang={language}")
    scan = pages.value("SELECT MIN(number) FROM scan")
    texts = {
        name: auditor.get(f"/admin/log/{name}").text
        for name in ("", "?what=scan&hall=1", "?day=never", str(scan), "integrity", "compare",
                     "export")
    }  # fmt: skip
    whole = out.read_bytes()
    pages.database.write(
        lambda db: db.execute("UPDATE leaf SET hash = ? WHERE number = 6", (bytes(32),))
    )
    texts["compared"] = auditor.post(
        "/admin/log/compare", {"one": (io.BytesIO(whole), "one.zip")}
    ).text
    stranger = pages.stranger()
    badge = link(pages, "A3")
    for name, address in (("phone", badge), ("own", f"{badge}/receipts"), ("about", "/receipts")):
        texts[name] = stranger.get(f"{address}?lang={language}").text
    return texts


@pytest.mark.parametrize(
    ("language", "scheme", "size"),
    [("en", "light", WIDE), ("zh", "dark", NARROW), ("zh", "light", WIDE), ("en", "dark", NARROW)],
)
def test_nothing_is_found(
    pages: Pages, browser: Any, axe: str, tmp_path: Path, language: str, scheme: str,
    size: tuple[int, int],
) -> None:  # fmt: skip
    window = Window(browser, axe)
    faults: dict[str, object] = {}
    try:
        for number, (name, text) in enumerate(answers(pages, tmp_path, language).items()):
            sheet = STATIC["phone.css" if "phone.css" in text else "style.css"]
            style = f"<style>{sheet.read_text('utf-8')}</style>"
            text = re.sub(r'<link rel="stylesheet"[^>]*>', lambda _, it=style: it, text)
            text = re.sub(r"<script\b[^>]*></script>", "", text)
            turn_to(browser, tmp_path / "page.html", text)
            window.examine((language, scheme, size), faults, f"log-{number:02}-{name}")
    finally:
        media(browser, "light")
    assert faults == {}

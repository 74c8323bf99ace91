"""Each roster of `organisers.py` is uploaded, its questions are answered on the page, and the event
then has exactly the expected people.
"""

import re
from collections.abc import Iterator
from datetime import date
from html import unescape
from pathlib import Path

import pytest

from server.app.new_event import init_event
from server.core.event.directory import load_event
from server.core.event.settings import EventSettings
from server.features.imports.pages import roster as roster_upload
from server.storage.database import Database
from tests.messy import organisers
from tests.messy.organisers import Sent
from tests.server.features.imports.test_uploads import PEOPLE, mark, preview, words
from tests.server.support.pages import Pages, Staff

SETTINGS = EventSettings(
    name={"en": "Harbour Forum", "zh": "海港论坛"},
    time_zone="Asia/Shanghai",
    first_day=date(2026, 11, 29),
    days=3,
    public_host="localhost",
    host="127.0.0.1",
    port=8443,
)
NOW = 1_795_910_400_000  # 2026-11-29 08:00 in Shanghai
CASES = organisers.cases()
ALL_DAYS = 0xFFFF
_QUERY = (
    "SELECT a.given_name, a.family_name, c.code, a.organisation, a.job_title, a.email, a.phone,"
    " a.country,"
    " a.valid_days, k.kind FROM attendee a JOIN category c USING (category)"
    " LEFT JOIN accessible_guest k USING (serial)"
)


@pytest.fixture
def pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pages]:
    """An event without people. Files are read in this process, which is quicker."""
    init_event(tmp_path / "event", SETTINGS, now=NOW)
    event = load_event(tmp_path / "event")
    with Database(event.database_path) as database, Pages(event, database, now=NOW) as opened:
        monkeypatch.setattr(roster_upload, "read_file_apart", lambda _, read: read(database.reader))
        yield opened


@pytest.mark.parametrize("case", CASES, ids=[case.file for case in CASES])
def test_a_roster_is_imported_on_its_page(case: Sent, pages: Pages) -> None:
    admin = pages.staff("admin")
    location, answer = preview(admin, PEOPLE, case.data, case.file)
    page = answer.text
    for phrase in case.asks:
        assert phrase in shown(page), f"{phrase!r} is not shown:\n{shown(page)[:3000]}"
    assert (case.answers is None) == ('name="mark"' in page), shown(page)[:3000]
    if case.answers is not None:
        page, rounds = answered(admin, location, page, case)
        assert rounds == case.rounds
    for phrase in case.tells:
        assert phrase in shown(page), f"{phrase!r} is not shown:\n{shown(page)[:3000]}"
    assert 'name="mark"' in page, f"questions are open:\n{shown(page)[:3000]}"
    assert admin.post(f"{location}/confirm", mark(page)).location == "/admin/badges/"
    assert people(pages.database) == case.people


def answered(admin: Staff, location: str, page: str, case: Sent) -> tuple[str, int]:
    """Choose the answers, each of which the page must offer. Return the last page, and how many
    pages asked.
    """
    left, rounds = dict(case.answers or {}), 0
    while left:
        rounds += 1
        offered = {name: left.pop(name) for name in list(left) if offers(page, name, left[name])}
        assert offered, f"the page does not offer {left}:\n{shown(page)[:3000]}"
        page = admin.post(f"{location}/answer", offered, follow_redirects=True).text
    return page, rounds


def offers(page: str, name: str, value: str) -> bool:
    """Whether the page has a radio button, checkbox, button or select with this name and value."""
    form = unescape(page)
    if re.search(
        rf'<(?:input|button)[^>]*name="{re.escape(name)}" value="{re.escape(value)}"', form
    ):
        return True
    select = re.search(rf'<select[^>]*name="{re.escape(name)}".*?</select>', form, re.DOTALL)
    return select is not None and f'<option value="{value}"' in select[0]


def shown(page: str) -> str:
    return unescape(words(page))


def people(database: Database) -> tuple[str, ...]:
    return tuple(sorted(map(_described, database.reader.execute(_QUERY).fetchall())))


def _described(row) -> str:
    days = [str(day + 1) for day in range(16) if row["valid_days"] >> day & 1]
    texts = (
        f"{row['given_name']} {row['family_name']}".strip(),
        row["code"],
        row["organisation"],
        row["job_title"],
        row["email"],
        row["phone"],
        row["country"],
        "" if row["valid_days"] == ALL_DAYS else f"days {','.join(days)}",
        row["kind"],
    )
    return " · ".join(filter(None, texts))


def test_each_file_is_another() -> None:
    assert len({case.file for case in CASES}) == len(CASES)

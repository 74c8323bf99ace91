"""An event's directory that 1.0 wrote opens, migrates, serves, and keeps its entry log."""

import json
import shutil
import sqlite3
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from server.core.event.directory import load_event
from server.features.evidence.export import export
from server.features.evidence.selection import Selection
from server.features.evidence.verify import check
from server.web import auth
from server.web.services import services_of
from tests.kept.make import KEPT, NAME, KeptForum, kiosk_of

TOLD = json.loads((KEPT / f"{NAME}.json").read_text(encoding="utf-8"))
LATER = TOLD["last_at"] + 60_000


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory as 1.0 wrote it, unpacked and brought up to this version."""
    path = tmp_path_factory.mktemp("kept")
    with tarfile.open(KEPT / f"{NAME}.tar.xz") as packed:
        packed.extractall(path, filter="data")
    # The server would otherwise record the clock's difference from the old machine's, or not,
    # depending on this machine's boot time.
    with closing(sqlite3.connect(path / "event" / "hallkeeper.db")) as db, db:
        db.execute("DELETE FROM setting WHERE key = 'clock'")
    load_event(path / "event")
    return path


@pytest.fixture
def forum(tmp_path: Path, kept: Path) -> Iterator[KeptForum]:
    shutil.copytree(kept, tmp_path / "then")
    opened = KeptForum(load_event(tmp_path / "then" / "event"), tmp_path / "then", now=LATER)
    yield opened
    opened.close()


def root_at(forum: KeptForum, size: int) -> str:
    with closing(sqlite3.connect(forum.event.database_path)) as db:
        leaves = db.execute("SELECT COUNT(*) FROM leaf").fetchone()[0]
    note, _ = services_of(forum.app).log.checkpoint(0)
    assert leaves == size
    return note.split("\n")[2]


def test_its_entry_log_keeps_its_root(forum: KeptForum) -> None:
    assert root_at(forum, TOLD["size"]) == TOLD["root"]


def test_its_scans_and_people_are_there(forum: KeptForum) -> None:
    counts = "SELECT decision, direction, COUNT(*) FROM scan GROUP BY 1, 2 ORDER BY 1, 2"
    assert [list(row) for row in forum.rows(counts)] == TOLD["scans"]
    assert forum.rows("SELECT COUNT(*) FROM attendee") == [(TOLD["people"],)]
    inside = forum.rows("SELECT COUNT(*) FROM stay WHERE closed_by IS NULL")
    assert inside == [(TOLD["open_stays"],)]


def test_its_pages_are_served(forum: KeptForum) -> None:
    client = forum.app.test_client()
    page = client.get("/admin/sign-in", base_url="https://localhost").text
    token = page.split('name="csrf_token" value="')[1].split('"')[0]
    fields = {"csrf_token": token, "name": "admin", "password": TOLD["password"]}
    answer = client.post(
        "/admin/sign-in", data=fields, base_url="https://localhost",
        headers={"Referer": "https://localhost/"},
    )  # fmt: skip
    assert answer.status_code == 303, answer.text
    assert client.get_cookie(auth.COOKIE, "localhost") is not None
    for target in ("/admin/", "/admin/entries", "/admin/people/", "/admin/kiosks/"):
        page = client.get(target, base_url="https://localhost")
        assert page.status_code == 200, target  # type: ignore[attr-defined]
    acts = client.get("/admin/acts", base_url="https://localhost").text
    for label in ("Added a kiosk", "Closed a hall", "Fenced a kiosk"):
        assert label in acts


def test_a_kiosk_of_then_goes_on_with_its_journal(forum: KeptForum) -> None:
    main = kiosk_of(forum, "main")
    totals = TOLD["kiosks"]["main"]
    state = main.journal.state()
    assert (state.last_seq, state.waiting) == (totals["last_seq"], totals["waiting"])
    main.exchange()
    assert main.journal.state().waiting == 0
    root_at(forum, TOLD["size"] + totals["waiting"])
    seqs = "SELECT COUNT(*), MAX(seq) FROM scan WHERE kiosk = 'main'"
    assert forum.rows(seqs) == [(totals["last_seq"], totals["last_seq"])]


def test_a_kiosk_that_was_fenced_stays_fenced(forum: KeptForum) -> None:
    assert kiosk_of(forum, "green-door").journal.state().fenced


def test_its_entry_log_is_exported_and_goes_on(forum: KeptForum, tmp_path: Path) -> None:
    for name in ("before", "after"):
        with forum.database.reading() as db:
            export(
                db, forum.event, tmp_path / name, Selection(), now=LATER,
                progress=lambda at, of: None,
            )  # fmt: skip
        assert check(tmp_path / name)[0] == []
        if name == "before":
            kiosk = kiosk_of(forum, "main")
            kiosk.refresh()
            kiosk.present(5)
            kiosk.exchange()
    old, new = ((tmp_path / name / "records.txt").read_bytes() for name in ("before", "after"))
    assert new.startswith(old)
    assert b'"v":2}' in new[len(old) :]

"""Comparing and making exports on a page."""

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.event.directory import Event
from server.features.evidence.export import export
from server.features.evidence.pages import files
from server.features.evidence.selection import Selection
from server.features.evidence.verify import check
from server.storage.database import Database
from server.web import auth
from tests.server.conftest import NOW
from tests.server.support.pages import Pages, Staff, assert_only


@pytest.fixture
def pages(event: Event, site: Database) -> Iterator[Pages]:
    with Pages(event, site) as opened:
        opened.issue()
        door = opened.kiosk("k1", "main")
        for name in ("A1", "A2", "A3"):
            door.scan(opened.now, opened.serial(name), category=1)
        opened.send(door)
        yield opened


@pytest.fixture
def auditor(pages: Pages) -> Staff:
    return pages.staff("auditor")


def exported(pages: Pages, path: Path, selection: Selection | None = None) -> bytes:
    with pages.database.reading() as db:
        export(db, pages.event, path, selection or Selection(), now=NOW,
               progress=lambda at, of: None)  # fmt: skip
    return path.read_bytes()


def sent(auditor: Staff, *those: bytes):
    fields = {
        name: (io.BytesIO(data), f"{name}.zip")
        for name, data in zip(("one", "other"), those, strict=False)
    }
    return auditor.post("/admin/log/compare", fields)


def test_an_export_with_the_log_itself(pages: Pages, auditor: Staff, tmp_path: Path) -> None:
    auditor.form_token()
    data = exported(pages, tmp_path / "now.zip")
    answer = sent(auditor, data)
    assert answer.status_code == 200
    assert "The same log, with the same entries" in answer.text
    pages.database.write(lambda db: entry_log.act(db, "user:1", Act.HALL_CLOSED, {"hall": 1}, NOW))
    assert "The same log: one is the beginning of the other" in sent(auditor, data).text
    pages.database.write(
        lambda db: db.execute("UPDATE leaf SET hash = x'%s' WHERE number = 5" % ("07" * 32))
    )
    text = sent(auditor, data).text
    assert "A fork: two histories of one log" in text
    assert "They agree in the first 5 entries, and differ in entry 5" in text
    assert_only(pages, "/admin/log/compare", "auditor")


def test_two_exports(pages: Pages, auditor: Staff, tmp_path: Path) -> None:
    first = exported(pages, tmp_path / "one.zip")
    part = exported(pages, tmp_path / "two.zip", Selection("badge 7", serial=7))
    text = sent(auditor, first, part).text
    assert "The same log, with the same entries" in text
    assert "badge 7" in text


@pytest.mark.parametrize(
    "data", [b"", b"PK", b"\x00" * 100, b"PK\x05\x06" + bytes(18)], ids=["empty", "pk", "0", "none"]
)
def test_what_is_no_export_is_refused(auditor: Staff, data: bytes) -> None:
    answer = sent(auditor, data)
    assert answer.status_code == 400
    assert re.search(r"can&#39;t be read as an export|is not an export", answer.text)


def test_a_hostile_zip_is_refused(pages: Pages, auditor: Staff, tmp_path: Path) -> None:
    """With a huge file, a path that leads out, or two files of one name."""
    whole = exported(pages, tmp_path / "good.zip")
    for name, content in (("keys.json", b" " * 70_000_000), ("../../etc/passwd", b"x")):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made_up:
            with zipfile.ZipFile(io.BytesIO(whole)) as good:
                for entry in good.namelist():
                    if entry != name:
                        made_up.writestr(entry, good.read(entry))
            made_up.writestr(name, content)
        answer = sent(auditor, out.getvalue())
        if name == "keys.json":
            assert answer.status_code == 400
            assert "keys.json is too large" in answer.text
        else:
            assert answer.status_code == 200, "what is not of an export is never read"
    assert not (tmp_path / "etc").exists()


def test_a_file_that_is_too_large_is_told(
    pages: Pages, auditor: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = pages.app.view_functions["admin.log_files.compared"]
    monkeypatch.setitem(view.__dict__, "file_bytes_max", 1_000)
    answer = sent(auditor, bytes(100_000))
    assert answer.status_code == 413
    assert "hallkeeper audit compare" in answer.text


def test_nothing_was_sent(auditor: Staff) -> None:
    answer = auditor.post("/admin/log/compare", {})
    assert (answer.status_code, "choose an export first" in answer.text) == (400, True)


@pytest.mark.parametrize("court", [False, True])
def test_an_export_is_made_and_verifies(pages: Pages, tmp_path: Path, court: bool) -> None:
    auditor = pages.staff("auditor")
    assert "/admin/log/export.zip" in auditor.get("/admin/log/export").text
    answer = auditor.post("/admin/log/export.zip", {"court": "yes"} if court else {})
    assert (answer.status_code, answer.mimetype) == (200, "application/zip")
    path = tmp_path / "taken.zip"
    path.write_bytes(answer.data)
    assert check(path, checkpoints=[], key=None)[0] == []
    with zipfile.ZipFile(path) as taken:
        assert any(name.startswith("court/") for name in taken.namelist()) is court
    ((body,),) = pages.database.reader.execute(
        "SELECT body FROM leaf ORDER BY number DESC LIMIT 1"
    ).fetchall()
    assert b'"act":"log_exported"' in body


def test_a_part_that_is_not_there_is_told(pages: Pages) -> None:
    auditor = pages.staff("auditor")
    size = entry_log.size(pages.database.reader)
    answer = auditor.post("/admin/log/export.zip", {"day": "2030-01-01"})
    assert answer.status_code == 303
    text = auditor.get("/admin/log/export").text
    assert "2030-01-01 is not a day of the event." in text
    assert entry_log.size(pages.database.reader) == size


def test_a_wrong_badge_number_is_explained_in_the_pages_language(auditor: Staff) -> None:
    auditor.post("/admin/log/export.zip?lang=zh", {"badge": "ABC"})
    assert "&#39;ABC&#39; 不是证件号" in auditor.get("/admin/log/export?lang=zh").text


def test_the_password_is_asked_for_first(pages: Pages) -> None:
    view = pages.app.view_functions["admin.log_files.export"]
    assert view.__dict__["confirmed"] is True
    assert "auditor" in view.__dict__["allowed"]
    assert auth.EVERYBODY not in view.__dict__["allowed"]
    assert files.SENT_BYTES_MAX < 100_000_000

"""Today's server and kiosk take all that each release wrote: event, journals, messages, exports.

`python -m tests.releases.record` writes the folder of a release.
"""

import json
import os
import re
import shutil
import sqlite3
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, get_args

import pytest
from flask import Flask

from badges.wire import server_key, session, supervisor, wire
from kiosk.replica.replica import Replica
from kiosk.sync.changes import parse_events
from server.app.new_event import init_event
from server.core.event.directory import load_event
from server.doors import blueprint
from server.features.evidence.export import export
from server.features.evidence.selection import Selection
from server.features.evidence.verify import check
from server.features.imports.roster_import import import_roster
from server.features.imports.venue_import import import_venue
from server.storage import migrations
from server.storage.database import Database
from server.web import auth
from server.web.services import services_of
from tests.releases.record import (
    RELEASES,
    SETTINGS,
    KeptForum,
    ask,
    kiosk_of,
    make,
)
from tests.server.conftest import NOW, roster_of, venue_of
from tests.unpacking import unpack

MESSAGES: dict[str, tuple[Any, Any]] = {
    "POST /api/scans": (wire.ScanBatch, wire.ScanAnswer),
    "GET /api/replica": (None, wire.Snapshot),
    "GET /api/names": (None, wire.NamesPage),
    "POST /api/people": (supervisor.LookUp, supervisor.Found),
    "GET /api/doors": (None, supervisor.DoorChoices),
    "POST /api/door": (supervisor.MoveDoor, supervisor.Moved),
    "POST /api/session": (session.SessionRequest, session.SessionAnswer),
    "POST /api/enrol": (wire.EnrolRequest, wire.EnrolAnswer),
    "GET /api/server-key": (None, server_key.ServerKeyAnswer),
    "GET /api/feed": (None, None),
}


class Release:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.content = json.loads((folder / "content.json").read_text(encoding="utf-8"))
        self.messages = json.loads((folder / "messages.json").read_text(encoding="utf-8"))

    def sent(self, call: str) -> list[dict[str, Any]]:
        """The recorded requests of a call, in order."""
        return [message for message in self.messages if call_of(message) == call]

    @property
    def later(self) -> int:
        return int(self.content["last_at"]) + 60_000


def call_of(message: dict[str, Any]) -> str:
    return f"{message['method']} {message['target'].partition('?')[0]}"


@pytest.fixture(
    scope="module",
    params=sorted(path.name for path in RELEASES.iterdir() if path.name[0].isdigit()),
)
def release(request: pytest.FixtureRequest) -> Release:
    return Release(RELEASES / request.param)


@pytest.fixture(scope="module")
def kept(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory as the release wrote it, unpacked and brought up to this version."""
    path = tmp_path_factory.mktemp("kept")
    with tarfile.open(release.folder / "event.tar.xz") as packed:
        unpack(packed, path)
    # The server would otherwise record the clock's difference from the old machine's, or not,
    # depending on this machine's boot time.
    with closing(sqlite3.connect(path / "event" / "hallkeeper.db")) as db, db:
        db.execute("DELETE FROM setting WHERE key = 'clock'")
    load_event(path / "event")
    return path


@pytest.fixture
def forum(tmp_path: Path, kept: Path, release: Release) -> Iterator[KeptForum]:
    shutil.copytree(kept, tmp_path / "then")
    event = load_event(tmp_path / "then" / "event")
    opened = KeptForum(event, tmp_path / "then", now=release.later)
    yield opened
    opened.close()


def root_at(forum: KeptForum, size: int) -> str:
    with closing(sqlite3.connect(forum.event.database_path)) as db:
        leaves = db.execute("SELECT COUNT(*) FROM leaf").fetchone()[0]
    note, _ = services_of(forum.app).log.checkpoint(0)
    assert leaves == size
    return note.split("\n")[2]


def test_its_entry_log_keeps_its_root(forum: KeptForum, release: Release) -> None:
    assert root_at(forum, release.content["size"]) == release.content["root"]


def test_its_scans_and_people_are_there(forum: KeptForum, release: Release) -> None:
    counts = "SELECT decision, direction, COUNT(*) FROM scan GROUP BY 1, 2 ORDER BY 1, 2"
    assert [list(row) for row in forum.rows(counts)] == release.content["scans"]
    assert forum.rows("SELECT COUNT(*) FROM attendee") == [(release.content["people"],)]
    inside = forum.rows("SELECT COUNT(*) FROM stay WHERE closed_by IS NULL")
    assert inside == [(release.content["open_stays"],)]


def test_its_pages_are_served(forum: KeptForum, release: Release) -> None:
    client = forum.app.test_client()
    page = client.get("/admin/sign-in", base_url="https://localhost").text
    token = page.split('name="csrf_token" value="')[1].split('"')[0]
    fields = {"csrf_token": token, "name": "admin", "password": release.content["password"]}
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


def test_a_kiosk_of_then_goes_on_with_its_journal(forum: KeptForum, release: Release) -> None:
    main = kiosk_of(forum, "main")
    totals = release.content["kiosks"]["main"]
    state = main.journal.state()
    assert (state.last_seq, state.waiting) == (totals["last_seq"], totals["waiting"])
    main.exchange()
    assert main.journal.state().waiting == 0
    root_at(forum, release.content["size"] + totals["waiting"])
    seqs = "SELECT COUNT(*), MAX(seq) FROM scan WHERE kiosk = 'main'"
    assert forum.rows(seqs) == [(totals["last_seq"], totals["last_seq"])]


def test_a_kiosk_that_was_fenced_stays_fenced(forum: KeptForum) -> None:
    assert kiosk_of(forum, "green-door").journal.state().fenced


def test_its_entry_log_is_exported_and_goes_on(
    forum: KeptForum, release: Release, tmp_path: Path
) -> None:
    for name in ("before", "after"):
        with forum.database.reading() as db:
            export(
                db, forum.event, tmp_path / name, Selection(), now=release.later,
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


def test_its_tables_are_brought_up(forum: KeptForum) -> None:
    with forum.database.reading() as db:
        assert migrations.plan(db).at_open == ()


def test_its_export_verifies(release: Release) -> None:
    problems, _ = check(release.folder / "export.zip")[:2]
    assert problems == []


def test_its_venue_and_roster_files_are_read(release: Release, tmp_path: Path) -> None:
    event, _ = init_event(tmp_path / "event", SETTINGS, now=NOW)
    venue = (release.folder / "venue.toml").read_text(encoding="utf-8")
    roster = (release.folder / "roster.csv").read_text(encoding="utf-8")
    with Database(event.database_path) as database:
        database.write(lambda db: import_venue(db, venue_of(event, venue), by="test", now=NOW))
        database.write(
            lambda db: import_roster(
                db, roster=roster_of(roster), skip_bad=False, random=os.urandom, by="test", now=NOW
            )
        )
        with database.reading() as db:
            counts = db.execute("SELECT COUNT(*) FROM attendee").fetchone()
        assert tuple(counts) == (release.content["people"],)


def test_the_next_release_will_have_every_call_and_every_change(tmp_path: Path) -> None:
    """A new call or kind of change needs a place in tests/releases/record.py."""
    forum, messages, _ = make(tmp_path)
    forum.close()
    app = Flask(__name__)
    app.register_blueprint(blueprint)
    calls = {
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/api/")
    }
    recorded = messages.recorded
    assert {call_of(message) for message in recorded} == calls == MESSAGES.keys()
    feed = "".join(message["answer"] for message in recorded if message["target"] == "/api/feed")
    kinds = {kind.__struct_config__.tag for kind in get_args(wire.Change)}
    assert set(re.findall(r'"type":"(\w+)"', feed)) == kinds
    assert {message["status"] for message in recorded} >= {200, 400, 401, 403}


def test_the_server_understands_each_request(release: Release) -> None:
    for message in release.messages:
        sent, _ = MESSAGES[call_of(message)]
        if sent is not None and message["status"] != 400:
            wire.decode(message["sent"].encode(), sent)


def test_a_kiosk_understands_each_answer(release: Release) -> None:
    for message in release.messages:
        _, kind = MESSAGES[call_of(message)]
        if kind is not None:
            kind = kind if message["status"] == 200 else wire.ErrorAnswer
            wire.decode(message["answer"].encode(), kind)


def test_a_kiosk_takes_the_data_and_changes_of_a_server_of_then(
    forum: KeptForum, release: Release, tmp_path: Path
) -> None:
    answer = release.sent("GET /api/replica")[0]["answer"]
    snapshot = wire.decode(answer.encode(), wire.Snapshot)
    root = forum.event.root_key.public
    replica = Replica(tmp_path / "new.db", "main", 1, root, clock=lambda: release.later)
    with closing(replica):
        replica.load(snapshot, ())
        for stream in release.sent("GET /api/feed"):
            for event in parse_events(stream["answer"].split("\n")):
                if event is not None and not isinstance(event.change, wire.VenueEdited):
                    replica.apply(event.change, event.cursor)
        (page,) = release.sent("GET /api/names")
        replica.take_names(wire.decode(page["answer"].encode(), wire.NamesPage))
        assert replica.context is not None


@pytest.mark.parametrize("call", ["GET /api/replica", "GET /api/names", "GET /api/doors"])
def test_the_server_answers_a_kiosk_of_then(forum: KeptForum, release: Release, call: str) -> None:
    main = kiosk_of(forum, "main")
    for message in release.sent(call):
        answer = ask(main, message["method"], message["target"])
        assert answer.status_code == 200, message["target"]
        wire.decode(answer.data, MESSAGES[call][1])


def test_the_server_takes_the_newest_batch_of_then_once_more(
    forum: KeptForum, release: Release
) -> None:
    """By its bytes. Its scans are in the ledger already, so it is like a repeated request."""
    name = "main"
    main = kiosk_of(forum, name)
    batches = [
        message["sent"]
        for message in release.sent("POST /api/scans")
        if f'"kiosk":"{name}"' in message["sent"]
    ]
    before = forum.rows("SELECT COUNT(*) FROM scan")
    answer = ask(main, "POST", "/api/scans", batches[-1].encode())
    assert answer.status_code == 200, answer.text
    taken = wire.decode(answer.data, wire.ScanAnswer)
    assert taken.acked_seq == wire.decode(batches[-1].encode(), wire.ScanBatch).last_seq
    assert forum.rows("SELECT COUNT(*) FROM scan") == before
    assert not taken.fenced

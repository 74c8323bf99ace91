"""The export of a restored event: its log has another name and the same beginning."""

from pathlib import Path

import pytest

from badges.transparency.checkpoint import Checkpoint, cosign, sign_checkpoint, witness_name
from server.core.event.directory import load_event
from server.core.second_disk.copy import make_backup
from server.features.backup.restore import restore
from server.features.evidence.check import problems
from server.storage.database import Database
from tests.server.conftest import HOUR, MINUTE, NOW
from tests.server.features.evidence.conftest import Evidence
from tests.server.support.site import Site

pytestmark = pytest.mark.sqlite_alone  # a backup is a copy of SQLite's file

RESTORED = NOW + HOUR


@pytest.fixture
def restored(evidence: Evidence, tmp_path: Path):
    """The event after a restore, before any kiosk has cosigned the new log."""
    (tmp_path / "second").mkdir()
    backup = make_backup(evidence.event, tmp_path / "second", NOW + 41 * MINUTE).path
    restore(backup, tmp_path / "new", now=RESTORED, without_acts=True)
    event = load_event(tmp_path / "new")
    assert event.log_name != evidence.event.log_name
    with Database(event.database_path) as database:
        site = evidence.site
        yield Evidence(event, Site(database, site.west, site.east, site.other, site.room), tmp_path)


def test_it_is_verified_before_any_kiosk_has_cosigned_the_new_log(restored, verified) -> None:
    assert verified(restored.export()) == []
    assert list(problems(restored.database.reader, restored.event.log_name)) == []


def test_it_is_verified_when_one_kiosk_has(restored, verified) -> None:
    restored.cosign(restored.site.west, RESTORED)
    assert verified(restored.export()) == []


def test_what_kiosks_cosigned_before_counts_for_the_beginning_alone(restored, verified) -> None:
    """A kiosk works for 11 minutes after the restore, and cosigns nothing of the new log."""
    for minute in (1, 12):
        now = RESTORED + minute * MINUTE
        restored.scan(restored.site.west, 1, now, decision="denied", reason="not_entitled")
        restored.send(restored.site.west, now)
    (finding,) = verified(restored.export())
    assert "kiosk west (generation 1) sent scans for 11 minutes and cosigned none" in finding


def test_a_log_that_was_written_anew_before_the_restore_is_a_fork(restored, verified) -> None:
    """The log's owner signs another history under the old name, and the kiosk cosigned it."""
    west, old = restored.site.west, restored.event.log_name.rpartition("/")[0]
    seen = Checkpoint(old, 20, bytes(32))
    note = sign_checkpoint(restored.event.log_key, old, seen)
    line = cosign(west.key, witness_name(old, west.kiosk, 1), note, NOW // 1000)
    restored.alter("UPDATE cosignature SET size = 20, note = ? WHERE kiosk = 'west'", note + line)
    (finding,) = verified(restored.export())
    assert finding.startswith("a fork: the checkpoint that kiosk west (generation 1) cosigned")


def test_a_checkpoint_of_another_event_confirms_nothing(restored, verified) -> None:
    (note,) = restored.rows("SELECT note FROM cosignature WHERE kiosk = 'west'")[0]
    forged = note.replace(note.split("\n")[0], "hallkeeper/00000000-0000-4000-8000-000000000000")
    restored.alter("UPDATE cosignature SET note = ? WHERE kiosk = 'west'", forged)
    (finding,) = verified(restored.export())
    assert "kiosk west (generation 1) cosigned: it is of another log" in finding

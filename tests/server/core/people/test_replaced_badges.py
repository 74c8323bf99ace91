"""Outdated badges are replaced in batches, between which others act."""

import pytest

from server.core.event.directory import Event
from server.core.people import attendees, issuing, wrong_badges
from server.core.people.attendees import Attendee
from server.features.privacy import erase
from server.storage.database import Database
from tests.server.conftest import NOW


@pytest.fixture
def outdated(event: Event, site: Database) -> list[Attendee]:
    """Everybody's badge has the family name from before."""
    site.write(lambda db: issuing.issue_missing(db, event, now=NOW, by="t", limit=100))
    serials = [row[0] for row in site.reader.execute("SELECT serial FROM attendee").fetchall()]
    for serial in serials:
        rename(site, serial, "Other")
    return wrong_badges.find_changed(event, site)


def rename(site: Database, serial: int, name: str) -> None:
    site.write(
        lambda db: attendees.change_attendee(db, serial, {"family_name": name}, by="t", now=NOW)
    )


def issue_of(site: Database, holder: Attendee) -> int:
    return attendees.attendee(site.reader, holder.serial).issue


def test_between_two_batches(
    event: Event, site: Database, outdated: list[Attendee], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One person gets another badge at the desk, and a correction makes another one's right."""
    monkeypatch.setattr(wrong_badges, "AT_ONCE", 1)
    first, replaced, right, *others = outdated
    real = issuing.still_outdated

    def outdated_still(db, event: Event, part: list[Attendee]) -> list[Attendee]:
        if part == [replaced]:
            issuing.reissue(db, event, replaced.serial, reason="lost", now=NOW, by="desk")
        if part == [right]:
            names = {"family_name": family_name}
            attendees.change_attendee(db, right.serial, names, by="t", now=NOW)
        return real(db, event, part)

    family_name = "Right"
    rename(site, right.serial, family_name)
    site.write(lambda db: issuing.reissue(db, event, right.serial, reason="x", now=NOW, by="t"))
    rename(site, right.serial, "Other")
    holders = [attendees.attendee(site.reader, holder.serial) for holder in outdated]
    replaced, right = holders[1], holders[2]
    monkeypatch.setattr(issuing, "still_outdated", outdated_still)
    done, failed = wrong_badges.replace_badges(event, site, holders, by="t", clock=lambda: NOW)
    assert (done, failed) == (len(outdated) - 2, [])
    assert issue_of(site, replaced) == replaced.issue + 1, "by the desk alone"
    assert issue_of(site, right) == right.issue
    assert [issue_of(site, holder) for holder in (first, *others)] == [2] * (len(others) + 1)


def test_who_was_erased_meanwhile(event: Event, site: Database, outdated: list[Attendee]) -> None:
    serial = outdated[0].serial
    site.write(lambda db: erase.erase(db, event, serial, by="t", now=NOW))
    done, failed = wrong_badges.replace_badges(event, site, outdated[:2], by="t", clock=lambda: NOW)
    assert (done, failed) == (1, [])

"""A preview matches the import that follows, and changes nothing."""

import pytest

from server.core.event.directory import Event
from server.features.imports.venue_plan import VenueError
from server.features.imports.venue_preview import Change, Preview, Thing, preview, take_over
from server.features.imports.venue_state import state
from server.storage.database import Database
from tests.server.conftest import NOW, VENUE, venue_of
from tests.server.features.imports.test_programme_import import PROGRAMME
from tests.server.support.stores import changes, dump, load_venue


def show(event: Event, site: Database, text: str, *, remove: bool = False) -> Preview:
    plan = venue_of(event, text)
    return preview(site, plan, event.settings, by="test", now=NOW, remove_sessions=remove)


def test_nothing_is_written(event: Event, site: Database) -> None:
    before, sent = dump(site), changes(site)
    assert not show(event, site, PROGRAMME + VENUE.replace("capacity = 100", "capacity = 90")).empty
    assert dump(site) == before
    assert changes(site) == sent


def test_the_same_file_again_is_empty(event: Event, site: Database) -> None:
    load_venue(event, site, PROGRAMME)
    preview = show(event, site, PROGRAMME)
    assert preview.empty
    assert preview.unchanged == 10
    assert [thing.code for thing in preview.missing if thing.kind == "sessions"] == [
        "opening",
        "press",
    ]


def test_what_is_added_and_changed(event: Event, site: Database) -> None:
    text = (
        VENUE.replace("capacity = 100", "capacity = 90")
        .replace('title = "Press hour"', 'title = "Press hour"\ntitle_zh = "记者会"')
        .replace('2026-05-04 13:00"', '2026-05-04 12:30"')
        .replace('["press"]', '["press", "vip"]')
    )
    preview = show(event, site, text + PROGRAMME)
    assert Change("halls", "h1", "capacity", "100", "90") in preview.changed
    assert {change for change in preview.changed if change.kind == "sessions"} == {
        Change("sessions", "press", "title (zh)", "", "记者会"),
        Change("sessions", "press", "starts", "2026-05-04 13:00", "2026-05-04 12:30"),
        Change("sessions", "press", "opens", "2026-05-04 12:50", "2026-05-04 12:20"),
        Change("sessions", "press", "categories", "press", "press, vip"),
    }
    assert Thing("sessions", "ports-1", "Ports, first part") in preview.added
    assert Thing("activities", "ports", "Forum on Ports") in preview.added
    assert Thing("stands", "R-01", "") in preview.added


def test_speakers_and_hosts_are_told_by_name(event: Event, site: Database) -> None:
    load_venue(event, site, PROGRAMME)
    text = PROGRAMME.replace('role = "keynote"', 'role = "panellist"').replace(
        'co_hosts = ["pilots"]', ""
    )
    assert show(event, site, text).changed == (
        Change("activities", "ports", "hosts", "council (lead), pilots (co-host)",
               "council (lead)"),
        Change("sessions", "ports-1", "speakers", "A2 (keynote), Lara Later (moderator)",
               "A2 (panellist), Lara Later (moderator)"),
    )  # fmt: skip


def test_sessions_that_would_be_removed(event: Event, site: Database) -> None:
    text = VENUE[: VENUE.index('[[session]]\ncode = "press"')]
    assert [thing.code for thing in show(event, site, text).missing] == ["press"]
    preview = show(event, site, text, remove=True)
    assert [thing.code for thing in preview.removed] == ["press"]
    assert preview.missing == ()
    plan = venue_of(event, text)
    site.write(lambda db: take_over(db, plan, by="test", now=NOW, remove_sessions=True))
    assert ("sessions", "press") not in state(site.reader, event.settings)


def test_a_file_that_is_refused(event: Event, site: Database) -> None:
    with pytest.raises(VenueError) as raised:
        show(event, site, PROGRAMME.replace('kind = "conference"', 'kind = "party"'))
    assert "there is no kind party" in str(raised.value)

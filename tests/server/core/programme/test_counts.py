"""Figures of the forum: counted and uncounted events."""

from dataclasses import asdict, replace

from server.core.event.directory import Event
from server.core.programme.counts import CountryCounts, ForumCounts, country_counts, forum_counts
from server.storage.database import Database
from tests.server.features.imports.test_programme_import import PROGRAMME
from tests.server.support.stores import load_venue


def counted(event: Event, site: Database, more: str = "", host: str = "CN") -> ForumCounts:
    load_venue(event, site, PROGRAMME)
    if more:
        load_venue(event, site, more)
    return forum_counts(site.reader, replace(event.settings, country=host or None))


def test_an_empty_event_counts_nothing(event: Event, database: Database) -> None:
    counts = forum_counts(database.reader, replace(event.settings, country=None))
    assert set(asdict(counts).values()) == {0}


def test_a_day_counts_once(event: Event, site: Database) -> None:
    session = (
        '[[session]]\ncode="{}"\nhall="green"\ntitle="T"\nstarts="{} 20:00"\nends="{} 21:00"\n'
    )
    days = ("2026-05-05", "2026-05-06")
    more = "".join(session.format(f"s{n}", day, day) for n, day in enumerate(days))
    assert counted(event, site).days == 2
    assert counted(event, site, more).days == event.settings.days == 3


def test_a_keynote_speaker_counts_once_on_the_roster_or_not(event: Event, site: Database) -> None:
    speaker = '[[speaker]]\nsession="{}"\n{}\nrole="keynote"\n'
    more = "".join(
        speaker.format(session, person)
        for session in ("opening", "press")
        for person in ('attendee="A2"', 'attendee="x@example.org"\nname="X"', 'name="Somebody"')
    )
    assert counted(event, site).keynote_speakers == 1
    assert counted(event, site, more).keynote_speakers == 3


def test_government_departments_count_where_they_are_foreign(event: Event, site: Database) -> None:
    department = (
        '[[organisation]]\ncode="{0}"\nname="Office {0}"\ncountry="{0}"\nkind="government"\n'
    )
    more = "".join(department.format(country) for country in ("CN", "FR", "KE"))
    assert counted(event, site).organisations == 1
    assert counted(event, site, more).organisations == 3
    assert counted(event, site, more, host="").organisations == 4


def test_official_and_hosted_forums_are_parallel_ones(event: Event, site: Database) -> None:
    activity = '[[activity]]\ncode="{}"\nkind="conference"\ntitle="T"\nlead=["council"]\n{}\n'
    more = activity.format("gala", "official=true") + activity.format("ports-2", "parallel=true")
    counts = counted(event, site, more)
    assert (counts.activities, counts.parallel_forums) == (3, 2)
    assert (counts.official_forums, counts.hosted_by_one) == (1, 2)


def test_an_exhibitor_counts_with_a_stand_and_once(event: Event, site: Database) -> None:
    more = (
        '[[exhibitor]]\ncode="x2"\norganisation="council"\n'
        '[[stand]]\ncode="R-03"\narea="robots"\nexhibitor="x1"\n'
    )
    assert counted(event, site, more).exhibitors == 1


def test_countries_have_those_with_most_people_first(event: Event, site: Database) -> None:
    load_venue(event, site, PROGRAMME)
    assert country_counts(site.reader) == [
        CountryCounts("CN", 1, 0),
        CountryCounts("DE", 1, 1),
        CountryCounts("SG", 1, 0),
        CountryCounts("SI", 1, 0),
        CountryCounts("", 0, 1),
    ]

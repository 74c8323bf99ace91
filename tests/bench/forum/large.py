"""A large forum as files: its venue with the whole programme, and its list of people."""

from collections.abc import Iterator

from server.core.people import search
from server.demo.forum.toml import table
from server.features.imports.venue_file import read_venue
from server.features.imports.venue_import import import_venue
from tests.bench import searching
from tests.server.support.pages import Pages

PEOPLE, ACTIVITIES, SESSIONS, ORGANISATIONS = 100_000, 2_000, 2_000, 2_000
HALLS, DOORS_EACH, EXHIBITORS, AREAS, DAYS = 60, 5, 650, 9, 6
CATEGORIES = ("delegate", "speaker", "exhibitor", "press", "staff", "vip", "visitor")
KINDS = ("conference", "exhibition", "transaction", "release", "competition")
COUNTRIES = "AR AU BR CA CH CL CN DE EG ES FR GB GR IN IT JP KE KR MA MX NG PL TH TR US VN".split()
ROLES = ("keynote", "speaker", "panellist")


def fill(pages: Pages) -> None:
    """Import the venue, and add people without a list, which takes a tenth of the time."""
    import_programme(pages)
    searching.people(pages.event.database_path, PEOPLE)
    search.fold_all(pages.database.write)


def import_programme(pages: Pages) -> None:
    plan = read_venue(venue().encode(), "venue.toml", pages.event.settings)
    pages.database.write(lambda db: import_venue(db, plan, by="bench", now=pages.now))


def roster(more: str = "") -> str:
    """A list of people; where `more` is not empty, a tenth have another organisation."""
    lines = ["id,given name,family name,organisation,country,email,category"]
    for number in range(PEOPLE):
        family = ("Keller", "Novak", "Lee", "Holm", "Bodin", "Quist")[number % 6]
        other = more if number % 10 == 0 else ""
        lines.append(
            f"P{number},Guest {number},{family},Office {number % ORGANISATIONS}{other},"
            f"{COUNTRIES[number % len(COUNTRIES)]},g{number}@example.org,{CATEGORIES[number % 7]}"
        )
    return "\n".join(lines) + "\n"


def venue() -> str:
    """Halls with doors, organisations, activities with two hosts, a session of each with three
    speakers and three guests, and the exhibition.
    """
    return "\n".join([*_halls(), *_organisations(), *_programme(), *_exhibition()])


def _halls() -> Iterator[str]:
    for hall in range(HALLS):
        yield table(
            "hall", code=f"h{hall}", name=f"Hall {hall}", name_zh=f"{hall}号厅", capacity=500,
            sessions_only=True,
        )  # fmt: skip
        for door in range(DOORS_EACH):
            yield table("door", code=f"d{hall}-{door}", hall=f"h{hall}", name=f"Door {door}")


def _organisations() -> Iterator[str]:
    for number in range(ORGANISATIONS):
        kind = ("company", "institute", "government", "media")[number % 4]
        country = COUNTRIES[number % len(COUNTRIES)]
        yield table(
            "organisation", code=f"o{number}", name=f"Office {number}", name_zh=f"第{number}所",
            country=country, kind=kind,
        )  # fmt: skip


def _programme() -> Iterator[str]:
    for number in range(ACTIVITIES):
        hosts = [f"o{(number + step) % ORGANISATIONS}" for step in (0, 7)]
        yield table(
            "activity", code=f"a{number}", kind=KINDS[number % 5], title=f"Forum {number}",
            title_zh=f"第{number}场", official=number % 2 == 0, parallel=number % 3 == 0,
            theme=f"Theme {number % 40}", language="en", lead=hosts[:1], co_hosts=hosts[1:],
        )  # fmt: skip
    for number in range(SESSIONS):
        day, hour = 4 + number % DAYS, 8 + number // DAYS % 10
        guests = [f"P{(number * 41 + step) % PEOPLE}" for step in range(3)]
        yield table(
            "session", code=f"s{number}", hall=f"h{number % HALLS}", activity=f"a{number}",
            title=f"Session {number}", title_zh=f"会议 {number}", invited=guests,
            categories=list(CATEGORIES[number % 4 : number % 4 + 3]),
            starts=f"2026-05-{day:02} {hour:02}:00", ends=f"2026-05-{day:02} {hour:02}:50",
        )  # fmt: skip
    for number in range(SESSIONS):
        for at, role in enumerate(ROLES):
            person = (number * 37 + at) % PEOPLE
            yield table(
                "speaker", session=f"s{number}", attendee=f"P{person}", role=role,
                name=f"Guest {person}",
            )  # fmt: skip


def _exhibition() -> Iterator[str]:
    for number in range(AREAS):
        yield table("area", code=f"x{number}", hall=f"h{number}", m2=3_000, name=f"Area {number}")
    for number in range(EXHIBITORS):
        yield table("exhibitor", code=f"e{number}", organisation=f"o{number}")
        yield table(
            "stand", code=f"t{number}", area=f"x{number % AREAS}", exhibitor=f"e{number}", m2=12
        )

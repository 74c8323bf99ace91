"""A correction voids the badge, and prints the next, only if the badge shows other data."""

import pytest

from server.core.event.directory import Event
from server.core.people import attendees
from server.core.people.attendees import AttendeeError
from server.features.desk import correction
from server.features.desk.correction import Effect
from server.features.desk.submissions import DeskError, StaleError, Why
from server.features.printers import jobs
from server.storage.database import Database
from tests.server.features.desk.support import NAMED, Clerk, add_printer, await_noa, named, refused

PRESS = 7


@pytest.fixture
def clerk(event: Event, site: Database) -> Clerk:
    add_printer(site)
    return Clerk(event, site)


@pytest.fixture
def serial(clerk: Clerk) -> int:
    serial = clerk.serial("A1")
    clerk.print(serial)
    return serial


def effect(clerk: Clerk, serial: int, values: dict) -> Effect:
    return correction.plan(clerk.database.reader, clerk.event, serial, values).effect


def badges(clerk: Clerk, serial: int) -> tuple[int, list[tuple[int, str]]]:
    """The newest issue, and the queued jobs in their order."""
    own = [job for job in jobs.newest_jobs(clerk.database.reader, 20) if job.serial == serial]
    queued = [(job.issue, job.state.value) for job in reversed(own)]
    return attendees.attendee(clerk.database.reader, serial).issue, queued


@pytest.mark.parametrize(
    "values",
    [
        {"given_name": "Hanna"},
        {"family_name": "Kellner"},
        {"organisation": "Tug Masters"},
        {"country": "AT"},
        {"category": 2},
        {"given_name": "Hanna", "email": "hanna@example.org"},
    ],
)
def test_what_the_badge_says_is_replaced(clerk: Clerk, serial: int, values: dict) -> None:
    assert effect(clerk, serial, values) is Effect.VOIDS
    done = clerk.correct(serial, **values)
    assert done is not None
    assert badges(clerk, serial) == (2, [(1, "cancelled"), (2, "waiting")])
    attendee = attendees.attendee(clerk.database.reader, serial)
    assert {key: getattr(attendee, key) for key in values} == values


@pytest.mark.parametrize(
    "values", [{"email": "a.keller@example.org"}, {"given_name": " Anna ", "email": ""}]
)
def test_what_is_not_on_the_badge_voids_nothing(clerk: Clerk, serial: int, values: dict) -> None:
    assert effect(clerk, serial, values) is Effect.NONE
    assert clerk.correct(serial, **values) is not None
    assert badges(clerk, serial) == (1, [(1, "waiting")])


def test_a_latin_line_is_printed_again_and_voids_nothing(clerk: Clerk, serial: int) -> None:
    values = {"latin_name": "Anna Keller-Lee"}
    assert effect(clerk, serial, values) is Effect.PRINTS_AGAIN
    done = clerk.correct(serial, **values)
    assert done is not None
    assert done.submission.job_id is not None
    assert badges(clerk, serial)[0] == 1


def test_a_card_that_is_being_printed_is_not_corrected_on_paper(clerk: Clerk, serial: int) -> None:
    """Its job is the badge's only one, and the printer has the earlier words."""
    read, write = clerk.database.reader, clerk.database.write
    printing = write(lambda db: jobs.claim(db, jobs.open_jobs(db)[0].printer_id))
    drawn = jobs.printed_badges(read, clerk.event, printing)
    with refused(Why.PRINTS_NOW):
        clerk.correct(serial, latin_name="Anna Keller-Lee")
    assert attendees.attendee(read, serial).latin_name == ""
    write(lambda db: jobs.finish(db, printing, drawn, clerk.now))
    clerk.correct(serial, latin_name="Anna Keller-Lee")
    assert badges(clerk, serial) == (1, [(1, "done"), (1, "waiting")])
    write(lambda db: jobs.claim(db, printing.printer_id))
    with refused(Why.PRINTS_NOW):
        clerk.undo()
    # A new badge is another card, so it needs no wait.
    clerk.correct(serial, given_name="Hanna")
    assert badges(clerk, serial) == (2, [(1, "done"), (1, "printing"), (2, "waiting")])


def test_a_job_title_is_printed_again_if_cards_show_it(clerk: Clerk, serial: int) -> None:
    values = {"job_title": "Harbour master"}
    assert effect(clerk, serial, values) is Effect.NONE
    (clerk.event.path / "cards").mkdir()
    (clerk.event.path / "cards" / "cards.toml").write_text("job_title = true")
    assert effect(clerk, serial, values) is Effect.PRINTS_AGAIN


def test_without_a_badge_nothing_is_voided_or_printed(clerk: Clerk) -> None:
    serial = clerk.serial("A3")
    values = {"given_name": "Borys"}
    assert effect(clerk, serial, values) is Effect.NO_BADGE
    assert clerk.correct(serial, **values) is not None
    assert badges(clerk, serial) == (0, [])


def test_nothing_changed_does_nothing(clerk: Clerk, serial: int) -> None:
    assert clerk.correct(serial, given_name="Anna", family_name="Keller") is None
    assert badges(clerk, serial) == (1, [(1, "waiting")])


def test_twice_corrects_once(clerk: Clerk, serial: int) -> None:
    form = clerk.form(serial)
    first = clerk.correct(serial, form, given_name="Hanna")
    second = clerk.correct(serial, form, given_name="Hanna")
    assert first is not None
    assert second is not None
    assert (first.again, second.again) == (False, True)
    assert badges(clerk, serial)[0] == 2


def test_an_old_page_corrects_nothing(clerk: Clerk, serial: int) -> None:
    form = clerk.form(serial)
    clerk.correct(serial, given_name="Hanna")
    with pytest.raises(StaleError):
        clerk.correct(serial, form, family_name="Kellner")
    assert attendees.attendee(clerk.database.reader, serial).family_name == "Keller"


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({"given_name": "", "family_name": ""}, DeskError),
        ({"category": 99}, AttendeeError),
        ({"email": "xiaoming@example.org"}, AttendeeError),
        ({"country": "Atlantis"}, AttendeeError),
    ],
)
def test_wrong_input_changes_nothing(clerk: Clerk, serial: int, values: dict, kind: type) -> None:
    before = attendees.attendee(clerk.database.reader, serial)
    with pytest.raises(kind):
        clerk.correct(serial, **values)
    assert attendees.attendee(clerk.database.reader, serial) == before
    assert badges(clerk, serial) == (1, [(1, "waiting")])


def test_where_no_badge_can_follow_nothing_is_corrected(clerk: Clerk, serial: int) -> None:
    """Correction and new badge are one transaction."""
    clerk.database.write(
        lambda db: db.execute("UPDATE badge SET issue = 255 WHERE serial = ?", (serial,))
    )
    with pytest.raises(ValueError, match="255"):
        clerk.correct(serial, given_name="Hanna")
    assert attendees.attendee(clerk.database.reader, serial).given_name == "Anna"


def test_somebody_who_is_revoked_is_not_corrected(clerk: Clerk, serial: int) -> None:
    clerk.database.write(
        lambda db: db.execute("UPDATE attendee SET revoked_at = 1 WHERE serial = ?", (serial,))
    )
    with refused(Why.REVOKED):
        clerk.correct(serial, given_name="Hanna")


def test_what_a_venue_file_says_of_a_corrected_address_applies(clerk: Clerk, serial: int) -> None:
    await_noa(clerk.database)
    clerk.correct(serial, email="noa@example.org")
    assert named(clerk.database, serial) == NAMED

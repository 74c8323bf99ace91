"""Issues day credentials for attendees who forgot their badge, each for one day (docs/doors.md,
Forgotten badges).
"""

from dataclasses import dataclass, replace
from datetime import timedelta

from badges.admission.decide import event_day
from badges.credential.credential import Credential, CredentialFlag, Kind
from badges.i18n import N_, Day
from badges.wire import wire
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.entry_log.entry_log import Subject
from server.core.event.calendar import day_starts
from server.core.event.directory import Event
from server.core.event.settings import EventSettings
from server.core.feed import changes
from server.core.occupancy import copies
from server.core.people import attendees, badge_keys, issuing
from server.core.people.attendees import Attendee
from server.core.people.badge_keys import BadgeKeys
from server.core.people.issuing import Badge, IssuingError, NoBadgeError
from server.core.venue import store
from server.storage.connection import Connection
from server.storage.tables import tables

EACH_MAX = 2  # per attendee
ASK_ALL = "all"  # in the setting check_day_credentials


@dataclass(frozen=True)
class DayCredential:
    """A badge for one day. `issue` is the issue of the badge that it replaces on that day."""

    serial: int
    issue: int
    day: int  # from 0, the event's first day
    credential: str  # the text of its QR
    issued_at: int
    names_row: int
    printed: int  # how often

    @property
    def badge(self) -> Badge:
        return Badge(self.serial, self.issue, self.credential, self.issued_at, self.names_row)


def issue_day_credential(
    db: Connection, event: Event, serial: int, *, day: int, by: str, now: int
) -> DayCredential:
    """`day` counts from 0.

    Raises UnknownAttendeeError, NoBadgeError without a badge, or IssuingError.
    """
    holder = attendees.attendee(db, serial)
    _check_holder(db, holder)
    _check_day(event, holder, day, now)
    _check_given(of_attendee(db, serial), holder, event.settings, day)
    keys = badge_keys.keys_of(db, event)
    credential = replace(
        issuing.credential_of(holder, holder.issue, keys.issuing),
        kind=Kind.DAY,
        valid_days=1 << day,
        flags=CredentialFlag(holder.flags) | _asked(db, event, holder),
    )
    tables(db).table("day_credential").insert(_row(db, keys, holder, credential, day, now))
    changes.publish(db, wire.HolderChanged(copies.holder_facts(db, serial)))
    changes.publish(db, wire.NamesChanged())
    date = _date(event.settings, day)
    subject: Subject = {"serial": serial, "issue": holder.issue, "day": date}
    entry_log.act(db, by, Act.DAY_CREDENTIAL_ISSUED, subject, now)
    return next(given for given in of_attendee(db, serial) if _is(given, holder.issue, day))


def of_attendee(db: Connection, serial: int) -> list[DayCredential]:
    rows = db.execute(
        "SELECT serial, issue, day, credential, issued_at, names_row, printed FROM day_credential"
        " WHERE serial = ? ORDER BY day, issue",
        (serial,),
    )
    return [DayCredential(**dict(row)) for row in rows]


def standing(db: Connection, event: Event, serial: int, at: int) -> DayCredential | None:
    """Return the day credential that replaces the attendee's badge at `at` (Unix ms), or None."""
    given = of_attendee(db, serial)
    if not given:
        return None
    day = event_day(day_starts(event.settings), at)
    issue = attendees.attendee(db, serial).issue
    return next((credential for credential in given if _is(credential, issue, day)), None)


def days_to_choose(event: Event, holder: Attendee, now: int) -> list[int]:
    """Return the days, from 0, for which the holder can still get a day credential."""
    starts = day_starts(event.settings)
    return [
        day
        for day in range(event.settings.days)
        if now < starts[day + 1] and holder.valid_days >> day & 1
    ]


def day_words(settings: EventSettings, day: int) -> str:
    """Return the date of a day, such as "Mon 4 May"."""
    return Day(settings.first_day + timedelta(days=day))


def note_printed(
    db: Connection, credential: DayCredential, event: Event, *, by: str, now: int
) -> None:
    db.execute(
        "UPDATE day_credential SET printed = printed + 1, printed_at = ?"
        " WHERE serial = ? AND issue = ? AND day = ?",
        (now, credential.serial, credential.issue, credential.day),
    )
    date = _date(event.settings, credential.day)
    subject: Subject = {"serial": credential.serial, "day": date}
    entry_log.act(db, by, Act.DAY_CREDENTIAL_PRINTED, subject, now)


def _is(credential: DayCredential, issue: int, day: int | None) -> bool:
    return (credential.issue, credential.day) == (issue, day)


def _date(settings: EventSettings, day: int) -> str:
    return (settings.first_day + timedelta(days=day)).isoformat()


def _check_holder(db: Connection, holder: Attendee) -> None:
    if holder.revoked_at is not None:
        raise IssuingError(N_("This badge is revoked: reinstate the attendee first."))
    if not holder.issue:
        raise NoBadgeError(N_("This attendee has no badge yet: issue the badge instead."))
    if copies.is_likely(db, holder.serial, holder.issue):
        raise IssuingError(
            N_(
                "This badge is likely copied, and doors would refuse the day credential "
                "with it: issue a new badge instead."
            )
        )


def _check_day(event: Event, holder: Attendee, day: int, now: int) -> None:
    settings = event.settings
    if not 0 <= day < settings.days:
        raise IssuingError(
            N_("The event has no such day: choose one of its %(days)s days."), days=settings.days
        )
    if now >= day_starts(settings)[day + 1]:
        raise IssuingError(
            N_("%(day)s is over: choose today or a later day."), day=day_words(settings, day)
        )
    if not holder.valid_days >> day & 1:
        raise IssuingError(
            N_(
                "This attendee's badge is not valid on %(day)s: change its days first, "
                "or choose another day."
            ),
            day=day_words(settings, day),
        )


def _check_given(
    given: list[DayCredential], holder: Attendee, settings: EventSettings, day: int
) -> None:
    if any(_is(credential, holder.issue, day) for credential in given):
        raise IssuingError(
            N_(
                "A day credential for %(day)s was given out already: print it again, or "
                "issue a new badge, which voids it."
            ),
            day=day_words(settings, day),
        )
    if len(given) >= EACH_MAX:
        raise IssuingError(
            N_(
                "This attendee has already had %(most)s day credentials, which is the limit: "
                "issue a new badge, which voids the forgotten one."
            ),
            most=EACH_MAX,
        )


def _asked(db: Connection, event: Event, holder: Attendee) -> CredentialFlag:
    """Return ATTENTION if doors are to check the holder's ID. Raises IssuingError for a setting
    with an unknown category.
    """
    asked = event.settings.check_day_credentials
    codes = {plan.key: plan.code for plan in store.categories(db)}
    strange = [key for key in asked if key != ASK_ALL and key not in codes]
    if strange:
        raise IssuingError(
            N_(
                "event.toml names the category %(strange)s in check_day_credentials, and "
                "the event has no such category. Its categories are %(known)s."
            ),
            strange=repr(strange[0][:60]),
            known=", ".join(codes),
        )
    ask = ASK_ALL in asked or holder.category in {codes.get(key) for key in asked}
    return CredentialFlag.ATTENTION if ask else CredentialFlag(0)


def _row(
    db: Connection, keys: BadgeKeys, holder: Attendee, credential: Credential, day: int, now: int
) -> dict[str, object]:
    row = issuing.newest_names_row(db) + 1
    return {**issuing.signed_row(keys, holder, credential, row, now), "day": day}

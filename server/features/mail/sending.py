"""Sends due mails at a steady rate, and continues the last run.

No one gets a mail twice: its state is on disk before its text goes out.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from threading import Event as Flag

from badges.categories import CategoryPlan
from badges.i18n import N_, Phrase, phrase_of
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.event.directory import Event
from server.core.event.lock import held
from server.core.people import attendees, issuing, phone_links
from server.core.people.attendees import Attendee, UnknownAttendeeError
from server.core.people.issuing import Badge, NoBadgeError
from server.core.venue import store
from server.features.mail import outbox
from server.features.mail.addresses import AddressError
from server.features.mail.message import Mail, make_mail, message_id
from server.features.mail.outbox import Choice, Plan, State
from server.features.mail.settings import MailError, MailSettings
from server.features.mail.smtp import Fate, Line, LostError, Outcome
from server.storage.connection import Connection
from server.storage.database import Database

LOCK_NAME = "mailing.lock"
BUSY = (
    "Mails of this event are being sent already, by another command or by the server. Wait for"
    " that, or stop it first."
)
TRIES_MAX = 5  # Consecutive failed connections
PAUSE_S = 2.0  # Before the second try; doubles each time
DELAYS_MAX = 20  # Consecutive delays that end the run
# Translations of AddressError's texts, stored in English.
REFUSED_ADDRESSES = (
    N_("the address is not a mail address"),
    N_("the address has no domain that can exist"),
    N_("the address is too long"),
)
_STATES = {
    Fate.SENT: State.SENT,
    Fate.DELAYED: State.DELAYED,
    Fate.REFUSED: State.REFUSED,
    Fate.UNCERTAIN: State.SENDING,
}


@dataclass(frozen=True)
class Tally:
    due: int
    sent: int = 0
    delayed: int = 0
    refused: int = 0
    uncertain: int = 0
    skipped: int = 0  # Sent meanwhile, or changed since the plan

    @property
    def done(self) -> int:
        return self.sent + self.delayed + self.refused + self.uncertain + self.skipped


@dataclass
class Run:
    """The parameters of a run. `now` returns Unix ms, `tell` is called after each mail."""

    event: Event
    database: Database
    settings: MailSettings
    choice: Choice
    by: str
    now: Callable[[], int]
    rate_per_min: int
    limit: int | None = None
    stop: Flag = field(default_factory=Flag)
    tell: Callable[[Tally], None] = lambda tally: None
    # Makes the plan in another process, if set.
    plan: Callable[[], Plan] | None = None


@dataclass(frozen=True)
class _Recipient:
    holder: Attendee
    badge: Badge
    token: str  # The secret of the badge's link
    category: CategoryPlan


def _recipient(db: Connection, event: Event, serial: int) -> _Recipient | None:
    """Return a person of a plan as they are now, None if erased since or without a link."""
    try:
        holder, badge = attendees.attendee(db, serial), issuing.current_badge(db, serial)
    except (UnknownAttendeeError, NoBadgeError):
        return None
    token = phone_links.token(db, event, badge)
    categories = {plan.code: plan for plan in store.categories(db)}
    return None if token is None else _Recipient(holder, badge, token, categories[holder.category])


def first_mail(
    db: Connection, event: Event, settings: MailSettings, choice: Choice, planned: Plan, now: int
) -> Mail | None:
    """Return a plan's first mail, if any. Raises MailError."""
    for serial in planned.due:
        to = _recipient(db, event, serial)
        if to is None:
            continue
        try:
            return make_mail(
                event, settings, choice.template, to.holder, to.badge, to.token, to.category, now
            )
        except AddressError:
            continue
    return None


def send(run: Run) -> Tally:
    """Send all due mails, or until `stop` is set. Raises MailError; mails sent until then stay
    marked.
    """
    with held(run.event.path / LOCK_NAME, lambda _: MailError(BUSY), MailError):
        made_elsewhere = run.plan() if run.plan else None
        with run.database.reading() as db:
            planned = made_elsewhere or outbox.plan(db, run.choice)
            # Detects a broken template early.
            first_mail(db, run.event, run.settings, run.choice, planned, run.now())
        due = planned.due[: run.limit]
        tally = Tally(len(due))
        if not due:
            return tally
        _note(run, Act.MAILING_BEGUN, {"count": len(due)})
        mailer = _Mailer(run, tally)
        try:
            mailer.send_all(due)
        finally:
            mailer.close()
            _note_end(run, mailer.tally)
        return mailer.tally


def send_now(run: Run, serial: int, before_end: Callable[[], None]) -> None:
    """Send one person's mail, also while another run sends. If it can't be sent, or `stop` is set,
    it is delayed: the next run sends it. `before_end` is called before the end is in the log.
    """
    mailer = _Mailer(run, Tally(1))
    _note(run, Act.MAILING_BEGUN, {"count": 1})
    try:
        if run.stop.is_set():
            mailer.delay(serial, Phrase("the server stopped"))
        else:
            mailer.send_all((serial,))
    except MailError as error:
        mailer.delay(serial, phrase_of(error))
    finally:
        mailer.close()
        before_end()
        _note_end(run, mailer.tally)


class _Mailer:
    def __init__(self, run: Run, tally: Tally) -> None:
        self._run = run
        self.tally = tally
        self._line: Line | None = None
        self._delays = 0

    def close(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None

    def send_all(self, due: tuple[int, ...]) -> None:
        pause_s = 60.0 / self._run.rate_per_min
        next_at = time.monotonic()
        for serial in due:
            if self._run.stop.wait(max(0.0, next_at - time.monotonic())):
                return
            next_at = max(next_at + pause_s, time.monotonic())
            self._count(self._send_one(serial))
            self._run.tell(self.tally)
            if self._delays >= DELAYS_MAX:
                raise MailError(
                    N_(
                        "The mail server has delayed %(most)s mails in a row. Continue later, "
                        "or at a lower rate: `hallkeeper mail status` shows its answers."
                    ),
                    most=DELAYS_MAX,
                )

    def delay(self, serial: int, why: str) -> None:
        """Note that a mail was not sent."""
        with self._run.database.reading() as db:
            to = _recipient(db, self._run.event, serial)
        if to is not None:
            self._settle(to, Outcome(Fate.DELAYED, why, False))
            self._count(Fate.DELAYED)

    def _count(self, fate: Fate) -> None:
        name = "skipped" if fate is Fate.NOT_WANTED else fate.value
        self.tally = replace(self.tally, **{name: getattr(self.tally, name) + 1})
        self._delays = self._delays + 1 if fate is Fate.DELAYED else 0

    def _send_one(self, serial: int) -> Fate:
        run = self._run
        with run.database.reading() as db:
            to = _recipient(db, run.event, serial)
        if to is None:
            return Fate.NOT_WANTED
        issue, email, own_id = to.badge.issue, to.holder.email, self._own_id(to)

        def claim() -> bool:
            return run.database.write(
                lambda db: outbox.claim(db, run.choice, serial, issue, own_id, email, run.now())
            )

        outcome = self._outcome(to, claim)
        if outcome.fate in _STATES:
            self._settle(to, outcome)
        return outcome.fate

    def _own_id(self, to: _Recipient) -> str:
        run = self._run
        return message_id(run.event, run.choice.template, to.badge, to.token, to.holder.email)

    def _settle(self, to: _Recipient, outcome: Outcome) -> None:
        run, own_id, state = self._run, self._own_id(to), _STATES[outcome.fate]
        run.database.write(
            lambda db: outbox.settle(
                db, to.holder.serial, to.badge.issue, run.choice.template, own_id, to.holder.email,
                state, outcome.answer, run.now(), tried=outcome.tried,
            )
        )  # fmt: skip

    def _outcome(self, to: _Recipient, claim: Callable[[], bool]) -> Outcome:
        run = self._run
        try:
            mail = make_mail(
                run.event, run.settings, run.choice.template, to.holder, to.badge, to.token,
                to.category, run.now(),
            )  # fmt: skip
        except AddressError as error:
            return Outcome(Fate.REFUSED, f"the address {error}", False)
        why = ""
        for attempt in range(TRIES_MAX):
            if attempt and run.stop.wait(PAUSE_S * 2 ** (attempt - 1)):
                return Outcome(Fate.NOT_WANTED, "", False)
            try:
                if self._line is None or not self._line.is_open:
                    self.close()
                    self._line = Line(run.settings, run.event.path)
                return self._line.deliver(mail, claim)
            except LostError as error:
                why = phrase_of(error)
                self.close()
        raise MailError(
            N_(
                "The mail server can't be used, after %(most)s tries: %(why)s. Nothing "
                "is lost: start again once it is there."
            ),
            most=TRIES_MAX,
            why=why,
        )


def _note_end(run: Run, done: Tally) -> None:
    subject = {key: getattr(done, key) for key in ("sent", "delayed", "refused", "uncertain")}
    _note(run, Act.MAILING_ENDED, subject)


def _note(run: Run, act: Act, subject: dict[str, int]) -> None:
    run.database.write(lambda db: entry_log.act(db, run.by, act, subject, run.now()))

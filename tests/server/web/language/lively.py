"""An event with a long history, so that its pages have content."""

import re
from contextlib import suppress

from badges.i18n import Phrase
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.entry_log.act_words import WORDS
from server.core.kiosks import registry
from server.core.muster import muster
from server.core.people import attendees, day_credentials, issuing
from server.core.staff import invitations
from server.features.integrations import endpoints, tokens
from server.features.integrations.topics.table import TOPICS
from server.features.printers import jobs, store
from server.features.printers.states import PrinterState, Problem, Status
from server.features.printers.store import PrinterPlan
from server.storage.connection import Connection
from server.storage.errors import ConstraintError
from server.web.about import VALUES
from server.web.display import FLAGS, REASONS
from tests.server.conftest import HOUR, NOW
from tests.server.support.pages import Pages

BY = "user:1"
_FIELD = re.compile(r"%\((\w+)\)s")
# Fields of acts that have the number of an existing thing.
_NUMBERS = {"user": 1, "hall": 1, "door": 1, "from": 1, "session": 1, "serial": 1, "merged": 2}


def happen(pages: Pages) -> dict[str, object]:
    """Create the history. Return the values for addresses of pages."""
    pages.issue()
    _acts(pages)
    _scans(pages)
    ids = pages.database.write(lambda db: _integrations(db, pages))
    pages.database.write(lambda db: _printing(db, pages))
    pages.database.write(lambda db: _people(db, pages))
    return ids


def _acts(pages: Pages) -> None:
    """Write an act of every kind, with every possible field."""

    def step(db: Connection) -> None:
        for act, words in WORDS.items():
            fields = {field for piece in words.about for field in _FIELD.findall(piece)}
            for number in range(max(1, *(len(VALUES.get(field, ())) for field in fields or {""}))):
                subject = {field: _value(pages, field, number) for field in fields}
                entry_log.act(db, BY, act, subject, NOW)
        for by in ("command-line", "nobody", "sign-on", "token:1"):
            entry_log.act(db, by, Act.SIGN_IN_REFUSED, {"caller": "0a1b2c3d"}, NOW)

    pages.database.write(step)


def _value(pages: Pages, field: str, number: int) -> int | str:
    if field in VALUES:
        texts = list(VALUES[field])
        return texts[number % len(texts)]
    if field == "serial":
        return pages.serial("A1")
    return _NUMBERS.get(field, 3)


def _scans(pages: Pages) -> None:
    """Let two doors scan, admit, deny for every reason, override, annul, and be away a while."""
    door, other = pages.kiosk("k1", "main"), pages.kiosk("k2", "h1-west")
    first, second, third = (pages.serial(external_id) for external_id in ("A1", "A2", "A3"))
    pages.database.write(lambda db: issuing.revoke(db, third, reason="conduct", now=NOW, by=BY))
    pages.now = NOW + HOUR
    at = NOW + 1_000
    came = door.scan(at, first)
    for number, reason in enumerate(REASONS):
        door.scan(at + 1000 * number, second, decision="denied", reason=reason)
    for number, flag in enumerate(FLAGS):
        door.scan(at + 60_000 * number, second, flags=(flag,))
    door.scan(at + 2_000, None, decision="denied", reason="forged")
    door.scan(at + 3_000, third)  # People the server would have denied.
    door.scan(at + 4_000, second, act="override", by="Ole", note="Lost the badge")
    door.scan(at + 5_000, first, act="annul", direction="exit", by="Ole",
              note="Wrong person", closes=door.ref(came))  # fmt: skip
    other.scan(pages.now - 500_000, first, skew_ms=5_000, facts_age_ms=900_000)
    for kiosk in (door, other):
        pages.send(kiosk)
    other.leave(pages.now, first, None)
    pages.send(other)
    with suppress(ConstraintError):
        pages.shown(pages.kiosk("k3", "main"), "main")


def _integrations(db: Connection, pages: Pages) -> dict[str, object]:
    issued, _ = tokens.make(db, "Lights", ["read:halls"], 30, by=BY, now=NOW)
    hook = endpoints.add(
        db, "https://example.org/hooks", TOPICS, by=BY, now=NOW, http_allowed=False
    )
    muster_id = muster.begin(db, "Übung", by=BY, now=pages.now).muster_id
    token = invitations.invite(db, "Erika", "steward", by=BY, now=pages.now)
    registry.retire(db, "k3", by=BY, now=NOW)
    return {
        "endpoint_id": hook.endpoint_id,
        "muster_id": muster_id,
        "token": token,
        "token_id": issued.token_id,
        "key": "silent:k1",
    }


def _printing(db: Connection, pages: Pages) -> None:
    plan = PrinterPlan("Ölive", "tcp://192.168.1.9:9100", "zpl", "4x3in")
    printer = store.add(db, plan, by=BY, now=NOW)
    refused = Phrase("The printer refuses (HTTP %(status)s): is the path right?", status=403)
    store.note_status(db, printer, Status(PrinterState.ERROR, refused), NOW)
    badge = issuing.current_badge(db, pages.serial("A1"))
    for problem in filter(None, Problem):
        job_id = jobs.enqueue(db, badge.serial, badge.issue, desk="North 2", by=BY, now=NOW)
        jobs.claim(db, printer)
        jobs.fail(db, job_id, problem, refused, NOW)


def _people(db: Connection, pages: Pages) -> None:
    serial = pages.serial("A2")
    day_credentials.issue_day_credential(db, pages.event, serial, day=1, by=BY, now=pages.now)
    values = {"organisation": "Häfen", "country": "DE"}
    attendees.change_attendee(db, serial, values, by=BY, now=pages.now)

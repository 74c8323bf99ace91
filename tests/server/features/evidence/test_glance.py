"""The log's state in a summary."""

from dataclasses import replace

from badges.credential.keys import PrivateKey
from badges.transparency.checkpoint import cosign
from badges.transparency.witnessing import witness_key
from server.core.entry_log import checkpoints, outside
from server.core.entry_log.checkpoints import Cosigned, Given
from server.core.entry_log.outside import AUTHORITY, Code
from server.features.evidence.glance import Glance, glance
from server.features.evidence.witnesses import stamps
from server.features.evidence.witnesses.stamps import Stamp
from tests.server.conftest import HOUR, MINUTE, NOW
from tests.server.features.evidence.conftest import Evidence

WITNESS = PrivateKey(b"a witness".ljust(32))


def look(evidence: Evidence, **changes: object) -> Glance:
    event = replace(evidence.event, settings=replace(evidence.event.settings, **changes))
    with evidence.database.reading() as db:
        return glance(db, event, evidence.log)


def test_kiosks_and_nobody_outside(evidence: Evidence) -> None:
    glance = look(evidence)
    assert (glance.size, glance.root) == evidence.log.state()
    assert (glance.given, glance.note, glance.witnesses, glance.authority) == (None, "", [], None)
    assert glance.unconfirmed == glance.size
    assert {(kiosk.kiosk, kiosk.size, kiosk.at) for kiosk in glance.kiosks} >= {
        ("west", glance.size, NOW + 40 * MINUTE)
    }


def test_witnesses_and_stamps(evidence: Evidence) -> None:
    log, db = evidence.log, evidence.database
    note = log.note(100)
    line = cosign(WITNESS, "example.org/w", note, NOW // 1000)
    db.write(lambda db: checkpoints.keep_given(db, log.name, Given(100, note, NOW)))
    kept = Cosigned("example.org/w", 100, note + line, NOW, NOW)
    db.write(lambda db: checkpoints.keep_cosigned(db, log.name, kept))
    gone = Cosigned("example.org/old", 50, log.note(50) + line, NOW, NOW)
    db.write(lambda db: checkpoints.keep_cosigned(db, log.name, gone))
    for size, at in ((30, NOW), (110, NOW + HOUR)):
        stamp = Stamp(0, size, log.note(size), "Time", at, at, b"answer")
        db.write(lambda db, stamp=stamp: stamps.keep(db, log.name, stamp))
    db.write(lambda db: outside.note(db, AUTHORITY, Code.AWAY, "no answer in time", NOW))
    glance = look(
        evidence,
        witnesses={"https://w.example.org": witness_key("example.org/w", WITNESS.public)},
        time_authority="http://tsa.example.org",
        time_authority_ca="tsa.pem",
    )
    assert glance.given == Given(100, note, NOW)
    assert glance.note == note + line
    assert [(witness.name, witness.asked, witness.cosigned) for witness in glance.witnesses] == [
        ("example.org/w", True, kept),
        ("example.org/old", False, gone),
    ]
    assert [stamp.size for stamp in glance.stamps] == [110, 30]
    assert glance.authority is not None
    assert glance.authority.code is Code.AWAY
    assert glance.unconfirmed == glance.size - 110


def test_another_log_of_the_same_event(evidence: Evidence) -> None:
    """A restored server's log has another name, which no kiosk or witness has confirmed yet."""
    log = evidence.log
    note = log.note(100)
    evidence.database.write(lambda db: checkpoints.keep_given(db, log.name, Given(100, note, NOW)))
    evidence.event = replace(evidence.event, incarnation=2)
    assert look(evidence).given is None


def test_a_trouble_that_goes_on_keeps_its_time(evidence: Evidence) -> None:
    def note(code: Code | None, now: int) -> list[tuple[Code, int]]:
        evidence.database.write(lambda db: outside.note(db, "witness w", code, "", now))
        with evidence.database.reading() as db:
            return [(failure.code, failure.since) for failure in outside.failures(db)]

    assert note(Code.AWAY, NOW) == [(Code.AWAY, NOW)]
    assert note(Code.AWAY, NOW + 1) == [(Code.AWAY, NOW)]
    assert note(Code.FORK, NOW + 2) == [(Code.FORK, NOW + 2)]
    assert note(None, NOW + 3) == []

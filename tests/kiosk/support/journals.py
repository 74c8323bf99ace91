"""Common helpers of the journal's tests: one entry, one exit."""

from pathlib import Path

from badges.admission.facts import Admitted, Direction
from badges.places.account import Account
from badges.places.pool import PoolKey
from badges.record import StayRef
from kiosk.journal.journal import Journal
from kiosk.journal.values import Draft
from tests.kiosk.support.door_fixture import (
    DOOR,
    GENERATION,
    HALL,
    KIOSK,
    KIOSK_KEY,
    NOON,
    credential,
)


def open_journal(directory: Path, **options: object) -> Journal:
    return Journal(directory / "journal.db", KIOSK, GENERATION, KIOSK_KEY, **options)


def enter(journal: Journal, serial: int) -> int:
    draft = Draft(Direction.ENTRY, DOOR, HALL, NOON, Admitted(), credential(serial))
    with journal.transaction() as step:
        return step.append(draft).seq


def leave(journal: Journal, serial: int, stay: StayRef | None) -> bool:
    decision = Admitted(closes=stay)
    draft = Draft(Direction.EXIT, DOOR, HALL, NOON, decision, credential(serial))
    with journal.transaction() as step:
        return step.append(draft).credited


def own(seq: int) -> StayRef:
    return StayRef(KIOSK, GENERATION, seq)


def account(journal: Journal) -> Account:
    return journal.accounts()[PoolKey(HALL)]

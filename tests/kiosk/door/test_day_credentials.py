"""A forgotten badge and the day credential that replaces it, at a door with and without the
server.
"""

from msgspec import UNSET

from badges.admission.facts import Admitted, Direction, Flag
from badges.credential.credential import Credential, CredentialFlag, Kind, issue_credential
from badges.record import StayRef, decode_record
from badges.wire import wire
from kiosk.steps import run
from kiosk.supervisor.override import OverrideHandler, Word
from tests.kiosk.support.door_fixture import (
    BADGE,
    DAY_MS,
    DELEGATE,
    EVENT_ID,
    GENERATION,
    KIOSK,
    LocalDoor,
    badge,
    reason,
    records_of,
)

SERIAL = 0x00ABCD


def of_day(day: int, *, issue: int = 1, flags: int = 0) -> str:
    """A day credential's text."""
    fields = Credential(
        serial=SERIAL,
        issue=issue,
        category=DELEGATE,
        valid_days=1 << day,
        zones=0b1,
        key_id=1,
        kind=Kind.DAY,
        flags=CredentialFlag(flags),
    )
    return issue_credential(BADGE, EVENT_ID, fields)


def leave(door: LocalDoor, text: str):
    return door.present(text, direction=Direction.EXIT)


def holder_facts(*days: tuple[int, int], issue: int = 1) -> wire.HolderFacts:
    return wire.HolderFacts(SERIAL, issue, False, day_credentials=list(days) or UNSET)


def last(door: LocalDoor):
    return decode_record(records_of(door.journal)[-1])


def test_it_works(door: LocalDoor) -> None:
    """A door that never heard of it admits by the signature, and remembers it."""
    welcome = door.present(of_day(0))
    assert welcome.admitted
    assert (last(door).day, last(door).issue, last(door).serial) == (0, 1, SERIAL)
    assert last(door).flags == ("day_credential",)
    assert welcome.explanation["en"].reason == "Welcome to Hall 7. Day credential"
    assert welcome.explanation["zh"].reason == "欢迎来到七号厅。当日证"
    leave(door, of_day(0))
    denied = door.present(badge(SERIAL))
    assert reason(denied) == "day_credential"
    assert last(door).day is UNSET
    assert denied.explanation["en"].reason == "A day credential was given out for today"
    assert denied.explanation["zh"].reason == "今日已另发当日证"
    assert door.present(of_day(0)).admitted


def test_from_the_next_day_on_only_the_badge_opens(door: LocalDoor) -> None:
    door.present(of_day(0))
    leave(door, of_day(0))
    door.clock.pass_ms(DAY_MS)
    assert reason(door.present(of_day(0))) == "not_valid_today"
    assert door.present(badge(SERIAL)).admitted


def test_a_door_that_knows_nothing_of_it_admits_the_badge(door: LocalDoor) -> None:
    assert door.present(badge(SERIAL)).admitted


def test_the_server_s_report_denies_the_badge_at_once(door: LocalDoor) -> None:
    door.replica.apply(wire.HolderChanged(holder_facts((1, 0))), 11)
    assert reason(door.present(badge(SERIAL))) == "day_credential"
    assert door.present(of_day(0)).admitted


def test_a_snapshot_reports_and_withdraws_it_too(door: LocalDoor) -> None:
    door.load(holders=[holder_facts((1, 0))])
    assert reason(door.present(badge(SERIAL))) == "day_credential"
    door.load(holders=[holder_facts()])
    assert door.present(badge(SERIAL)).admitted


def test_another_holder_s_change_removes_nothing(door: LocalDoor) -> None:
    door.replica.apply(wire.HolderChanged(holder_facts((1, 0))), 11)
    door.replica.apply(wire.HolderChanged(wire.HolderFacts(SERIAL + 1, 2, False)), 12)
    assert reason(door.present(badge(SERIAL))) == "day_credential"
    assert door.present(badge(SERIAL + 1, issue=2)).admitted


def test_a_credential_shown_here_outlasts_a_snapshot_and_a_restart(door: LocalDoor) -> None:
    door.present(of_day(0))
    leave(door, of_day(0))
    door.load()
    door.restart()
    assert reason(door.present(badge(SERIAL))) == "day_credential"


def test_one_for_tomorrow_that_is_shown_today_counts_tomorrow(door: LocalDoor) -> None:
    assert reason(door.present(of_day(1))) == "not_valid_today"
    assert door.present(badge(SERIAL)).admitted
    leave(door, badge(SERIAL))
    door.clock.pass_ms(DAY_MS)
    assert reason(door.present(badge(SERIAL))) == "day_credential"
    assert door.present(of_day(1)).admitted


def test_a_new_badge_voids_both_and_opens_on_the_same_day(door: LocalDoor) -> None:
    door.present(of_day(0))
    leave(door, of_day(0))
    assert door.present(badge(SERIAL, issue=2)).admitted
    leave(door, badge(SERIAL, issue=2))
    for text in (of_day(0), badge(SERIAL)):
        assert reason(door.present(text)) == "superseded"


def test_a_holder_is_inside_once_by_whichever_card(door: LocalDoor) -> None:
    assert door.present(badge(SERIAL)).admitted
    assert reason(door.present(of_day(0))) == "already_inside"
    assert door.free() == 9
    left = leave(door, of_day(0))
    assert left.decision == Admitted(closes=StayRef(KIOSK, GENERATION, 1))
    assert door.free() == 10
    assert door.present(of_day(0)).admitted
    assert door.free() == 9


def test_one_that_names_several_days_opens_on_none(door: LocalDoor) -> None:
    """Deny credentials that the server never signs, although an earlier format allows them."""
    fields = Credential(SERIAL, 1, DELEGATE, 0b11, 0b1, 1, kind=Kind.DAY)
    assert reason(door.present(issue_credential(BADGE, EVENT_ID, fields))) == "not_valid_today"
    assert last(door).day is UNSET
    assert door.present(badge(SERIAL)).admitted


def test_the_door_asks_for_an_id_if_the_credential_demands_it(door: LocalDoor) -> None:
    answer = door.present(of_day(0, flags=1))
    assert answer.decision == Admitted(flags=frozenset({Flag.CHECK_DAY, Flag.DAY_CREDENTIAL}))
    assert answer.explanation["en"].reason == "Day credential: check the ID"
    assert answer.explanation["zh"].reason == "当日证：请核对身份证或护照"
    assert last(door).flags == ("check_day", "day_credential")


def test_after_a_crash_the_steward_is_asked_about_the_same_card(door: LocalDoor) -> None:
    door.present(of_day(0))
    door.restart()
    assert reason(door.present(of_day(0))) == "before_restart"
    assert reason(door.present(badge(SERIAL))) == "day_credential"


def test_a_supervisor_s_word_about_one(door: LocalDoor) -> None:
    """Overrides and annulments have the card's kind, and its request for attention."""
    handler, word = OverrideHandler(door.journal, door.replica), Word("user:2", "Su", "known")
    at = door.clock.wall
    denied = door.present(of_day(1, flags=1))
    let_in = run(handler.override(denied, word, at=at), door.journal.wait)
    assert let_in.decision == Admitted(flags=frozenset({Flag.CHECK_DAY, Flag.DAY_CREDENTIAL}))
    assert (last(door).act, last(door).day) == ("override", 1)
    handler.annul(let_in.seq, word, holder=None, at=at)
    assert (last(door).act, last(door).day) == ("annul", 1)

"""A third language from its two files: all texts for staff are in it, and none in English."""

import itertools
import json
import re
import socket
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from badges.admission import phrases, sentences
from badges.admission.facts import Admitted, Decision, Denied, Direction, Flag, Reason
from badges.admission.phrases import Explanation, explain
from kiosk.config.settings import KioskSettings
from kiosk.journal.errors import ForkError, OldServerError
from kiosk.reader.notices import DARK, TWO_BADGES, UNREADABLE
from kiosk.relay.relay import Relay, RelayError, call, switch
from kiosk.relay.serial_port import SerialPort
from kiosk.run import Kiosk
from kiosk.screen.board import Board, Status
from kiosk.screen.feed import MESSAGES, encode_state
from kiosk.supervisor.texts import (
    ANNUL_REASONS,
    OTHER,
    OVERRIDE_REASONS,
    REFUSALS,
    SupervisorError,
    annul_words,
    override_words,
)
from kiosk.sync.protocol import AILING, REFUSED, TransportError
from kiosk.texts import catalogue
from kiosk.texts.messages import Code, Message, System
from kiosk.texts.po import Catalogues
from tests.kiosk.screen.test_supervisor_pages import Page
from tests.kiosk.support.door_fixture import LocalDoor, badge, enrolled
from tests.kiosk.support.supervised import OMAR, Supervised, load
from tests.kiosk.texts import pseudo_language
from tests.kiosk.texts.pseudo_language import LANGUAGE, left_out, unsaid

DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def added(tmp_path_factory: pytest.TempPathFactory) -> tuple[Catalogues, Catalogues]:
    """Added as by `hallkeeper-kiosk run`, and read once."""
    with pytest.MonkeyPatch.context() as patch:
        pseudo_language.alone(patch)
        catalogue.add(pseudo_language.add_files(tmp_path_factory.mktemp("made up") / "files"))
        return catalogue.CATALOGUES, catalogue.ANSWERS


@pytest.fixture(autouse=True)
def language(added: tuple[Catalogues, Catalogues], monkeypatch: pytest.MonkeyPatch) -> None:
    """Only for these tests."""
    for name, catalogues in zip(("CATALOGUES", "ANSWERS"), added, strict=True):
        monkeypatch.setattr(catalogue, name, catalogues)


def test_it_works() -> None:
    assert catalogue.languages() == ("en", LANGUAGE, "zh")
    assert catalogue.say(LANGUAGE, "Badge {n}", n=7) == "⟦Badge 7⟧"
    assert left_out("⟦Badge ⟦7⟧⟧: 7 lost") == "lost"
    assert left_out("⟦Badge⟧ HD C270", ["HD C270"]) == ""


# Answers


def decisions() -> Iterator[tuple[Decision, Direction]]:
    for flag in (None, *Flag):
        flags = frozenset({flag} if flag else ())
        for session in (None, 1):
            yield Admitted(flags, session), Direction.ENTRY
            yield Admitted(flags, session), Direction.EXIT
    yield Admitted(frozenset({Flag.ATTENTION, Flag.ESCORT})), Direction.ENTRY
    opens = [None, 60_000, 3_600_000, 5_400_000, DAY_MS, *(n * DAY_MS for n in range(2, 370, 5))]
    for reason, opens_at, session in itertools.product(Reason, opens, (None, 1, 2)):
        for admitted in ((), (1,), (2,), (2, 3, 4)):
            yield Denied(reason, opens_at, session, frozenset(admitted)), Direction.ENTRY
    for since, door in itertools.product((None, 0, -3 * DAY_MS), (None, "north")):
        yield Denied(Reason.ALREADY_INSIDE, since=since, door=door), Direction.ENTRY
    reasons = (Reason.ALREADY_INSIDE, Reason.HALL_FULL, Reason.HALL_CLOSED)
    for reason, since, around in itertools.product(reasons, (None, 0), (8, 9)):
        yield Denied(reason, since=since, hall_id=around), Direction.ENTRY
    yield Admitted(kept_place=True), Direction.ENTRY
    yield Admitted(frozenset({Flag.ATTENTION}), kept_place=True), Direction.ENTRY
    for kept, until, around in itertools.product((1, 5), (None, 60_000, DAY_MS), (None, 8)):
        decision = Denied(Reason.HALL_FULL, kept=kept, kept_until=until, hall_id=around)
        yield decision, Direction.ENTRY


def explained(
    decision: Decision, direction: Direction, hall: str, *, is_number: bool = False
) -> Explanation:
    return explain(
        decision,
        direction,
        language=LANGUAGE,
        words=catalogue.ANSWERS.get(LANGUAGE),
        time_zone="UTC",
        at=0,
        categories={n: f"⟦category {n}⟧" for n in (1, 2, 3, 4)},
        category=1,
        hall=hall,
        sessions={1: "⟦Opening⟧"},
        doors={"north": "⟦North⟧"},
        outer={8: "⟦Exhibition⟧"},
        is_number=is_number,
    )


def test_every_answer() -> None:
    shown: dict[str, Decision] = {}  # Each text once, with its first decision.
    cases = itertools.product(decisions(), ("", "⟦Hall 7⟧"), (False, True))
    for (decision, direction), hall, is_number in cases:
        explanation = explained(decision, direction, hall, is_number=is_number)
        for text in (explanation.word, explanation.reason, explanation.next_step):
            shown.setdefault(text, decision)
    for text, decision in shown.items():
        assert left_out(text) == "", (decision, text)
    of_pages = {refusal.label for refusal in sentences.REFUSALS.values()}  # used by the server
    assert unsaid(pseudo_language.marked_in_answers() - of_pages, shown) == set()


# Supervisors


@pytest.fixture
def supervised(door: LocalDoor) -> Supervised:
    load(door)
    return Supervised(door)


@pytest.mark.parametrize("code", REFUSALS)
def test_every_refusal(supervised: Supervised, code: str) -> None:
    page = Page(supervised)
    if code == "wrong_pin":
        answer = page.post("unlock", {"user": OMAR, "pin": "111111"})
    elif code == "pin_locked":
        answers = [page.post("unlock", {"user": OMAR, "pin": "111111"}) for _ in range(6)]
        answer = answers[-1]
    else:
        page.unlock()
        supervised.server.refuse = code
        answer = page.post("people", {"words": "lost"})
    assert answer.json["error"] == code
    assert left_out(answer.json["message"][LANGUAGE]) == ""
    assert left_out(SupervisorError("wrong_pin", tries=2).message(LANGUAGE)) == ""


def test_every_reason_and_act(supervised: Supervised) -> None:
    page = Page(supervised)
    reasons = page.unlock()["reasons"]
    shown = [entry["words"][LANGUAGE] for act in reasons.values() for entry in act]
    for key in OVERRIDE_REASONS:
        note = "" if key != OTHER else "⟦host asked⟧"
        denied = supervised.present(badge(0xABC, category=4))
        answer = supervised.supervision.override(denied.seq, key, note)
        shown += words_of(answer.explanation[LANGUAGE])
        annulled = supervised.supervision.annul(answer.seq, next(iter(ANNUL_REASONS)), "⟦note⟧")
        shown += words_of(annulled.explanation[LANGUAGE])
    for key in ANNUL_REASONS:
        shown += words_of(annul_words(LANGUAGE, "12:00", "⟦Mei⟧", key))
    look = Explanation("⟦LOOK⟧", "⟦An escort⟧", "")
    shown += words_of(override_words(LANGUAGE, look, phrases.Tone.LOOK, "⟦Mei⟧", "vip: ⟦note⟧"))
    assert [text for text in shown if left_out(text, ["Mei Lin", "North"])] == []
    own = {*OVERRIDE_REASONS.values(), *ANNUL_REASONS.values(), "{reason}: {note}"}
    assert unsaid(own | {"{first} · {second}", "ANNULLED"}, shown) == set()


def words_of(explanation: Explanation) -> tuple[str, str, str]:
    return explanation.word, explanation.reason, explanation.next_step


# Messages: the camera, what is in view, the relay, the disk, the journal, the server


def through_the_feed(message: Message) -> set[str]:
    """As in the page's feed, anywhere on the board."""
    board, texts = Board(), set()
    for name in MESSAGES:
        alone = next(field.type for field in fields(Status) if field.name == name)
        several = "tuple" in str(alone)
        board.update(**{name: (message, message) if several else message})
        texts.add(json.loads(encode_state(board.state, "page", 0))["status"][name][LANGUAGE])
    return texts


@pytest.mark.parametrize("code", [*Code, *System], ids=lambda code: f"{code.name}")
def test_every_message(code: Code | System) -> None:
    names = re.findall(r"\{(\w+)\}", code.value)
    inner = Message(Code.WEBCAM, target="⟦0⟧")
    for values in (dict.fromkeys(names, "⟦x⟧"), dict.fromkeys(names, inner)):
        for text in through_the_feed(Message(code, **values)):
            assert left_out(text) == ""
            assert code is Code.AS_IS or text.startswith("⟦")


def test_notices_and_the_server_s_refusals() -> None:
    messages = [TWO_BADGES, UNREADABLE, DARK, ForkError(9, 1).message, OldServerError(1, 2).message]
    messages += [TransportError(code, "in the server's own words").message for code in REFUSED]
    messages += [TransportError(code, "in the server's own words").ailing for code in AILING]
    for message in messages:
        for text in through_the_feed(message):
            assert left_out(text) == ""


def test_relays_in_trouble(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf, socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        silent = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
        closed = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        pulses = [
            lambda: call(silent, 0.05),
            lambda: call(closed, 0.5),
            lambda: call("http://127.0.0.1:x/", 0.1),
            lambda: switch(SerialPort(str(tmp_path / "none")), "x", b"1", b"", 0, 0.1),
        ]
        for pulse in pulses:
            with pytest.raises(RelayError) as caught:
                pulse()
            for text in through_the_feed(caught.value.message):
                assert left_out(text, ["x"]) == "", text


def test_a_broken_relay_and_a_slow_relay() -> None:
    called = threading.Event()
    relay = Relay(lambda: 1 / 0, lambda _: called.set())
    assert relay.state == "off"
    relay.fire()
    assert called.wait(240)
    relay.close()
    assert relay.state == "failed"
    assert relay.trouble is not None
    slow = Message(Code.RELAY_TOO_SLOW)
    for message in (relay.trouble, slow):
        for text in through_the_feed(message):
            assert left_out(text, ["ZeroDivisionError"]) == ""


def test_a_kiosk_without_facts_and_with_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiosk.health.disk_free_mb", lambda _: 12)
    with Kiosk(enrolled(tmp_path / "door"), KioskSettings()) as kiosk:
        assert kiosk.present(badge(1)) is None
        assert trouble(kiosk).count("⟦") == 2
        monkeypatch.setattr("kiosk.door.admit.Admitter.present", fail_on_a_full_disk)
        assert kiosk.present(badge(1)) is None
        assert "⟦database or disk is full⟧" in trouble(kiosk)
        monkeypatch.setattr("kiosk.door.admit.Admitter.present", lambda *_, **__: 1 / 0)
        assert kiosk.present(badge(1)) is None
        assert "ZeroDivisionError" in trouble(kiosk)


def fail_on_a_full_disk(admitter: Any, *_: object, **__: object) -> None:
    with admitter._journal.transaction():
        raise sqlite3.OperationalError("database or disk is full")


def trouble(kiosk: Kiosk) -> str:
    kiosk.show_status()
    state = json.loads(encode_state(kiosk.board.state, "page", 0))
    text = str(state["status"]["trouble"][LANGUAGE])
    assert left_out(text, ["ZeroDivisionError"]) == ""
    return text

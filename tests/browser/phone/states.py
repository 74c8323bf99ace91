"""What a door tells its page: each answer with its real words, and states."""

import json
from dataclasses import replace
from typing import Any

from badges.admission.facts import Admitted, Decision, Denied, Direction, Flag, Reason
from badges.admission.phrases import explain
from badges.wire.wire import CategoryFacts, HolderName
from kiosk.clock import monotonic_ms
from kiosk.door.answer import Answer
from kiosk.door.programme import Speaks
from kiosk.screen.board import Board, DeviceStatus, DoorStatus, LinkStatus
from kiosk.screen.feed import encode_state
from kiosk.supervisor.status import SupervisorStatus
from kiosk.texts import catalogue
from kiosk.texts.catalogue import each

ZONE = "Asia/Shanghai"
HALL, OUTER = 7, 9
SPEAKER, DELEGATE, PRESS = 1, 2, 3
CATEGORIES = {
    "en": {SPEAKER: "Speaker", DELEGATE: "Delegate", PRESS: "Press"},
    "zh": {SPEAKER: "演讲嘉宾", DELEGATE: "代表", PRESS: "媒体"},
}
HALLS = {"en": "Hall 7 · Auditorium", "zh": "七号厅 · 大礼堂"}
DOORS = {"en": "North side door", "zh": "北侧门"}
OUTERS = {"en": "Exhibition", "zh": "展览区"}
HOUR_MS = 3_600_000
LONG = HolderName(
    "Maria-Magdalena von Hohenzollern-Sigmaringen", "Organisation for Security and Trade", "AT"
)
CHINESE = HolderName("欧阳娜娜", "清华大学未来实验室", "CN")

ADMITTED: dict[str, Decision] = {
    "admit": Admitted(),
    "admit_kept": Admitted(kept_place=True),
    "look_escort": Admitted(flags=frozenset({Flag.ESCORT, Flag.ATTENTION})),
    "look_passback": Admitted(flags=frozenset({Flag.PASSBACK})),
    "look_copy": Admitted(flags=frozenset({Flag.LIKELY_COPY})),
    "look_day": Admitted(flags=frozenset({Flag.CHECK_DAY, Flag.DAY_CREDENTIAL})),
}
FULL = {"free_places": 0, "hall_left": 0}
IN_OUTER = {"free_names": OUTERS, "left_names": OUTERS}
# The door's state beside an answer, where it differs from that of an open door with places.
BESIDE: dict[str, dict[str, Any]] = {
    "hall_full": FULL,
    "hall_full_kept": FULL,
    "hall_full_outer": FULL | IN_OUTER,
    "goodbye": {"direction": Direction.EXIT},
    "roll_call": {"roll_call": "东停车场 · East car park"},
    "door_resting": {"resting": True},
    "kiosk_retired": {"retired": True},
    "facts_too_old": {"online": False},
}
TONES = {
    "before_restart": "same",
    "roll_call": "seen",
    "goodbye": "goodbye",
    **dict.fromkeys(("kiosk_retired", "door_resting", "facts_too_old"), "elsewhere"),
}
UNKNOWN = {Reason.NOT_A_BADGE, Reason.FORGED, Reason.OTHER_EVENT}


def decisions(now: int) -> dict[str, Decision]:
    """Every answer that a door gives, by name."""
    denied = {reason.value: Denied(reason) for reason in Reason}
    denied["not_entitled"] = replace(denied["not_entitled"], categories=frozenset({SPEAKER, PRESS}))
    denied["already_inside"] = replace(
        denied["already_inside"], since=now - HOUR_MS, door=DOORS["en"]
    )
    denied["before_restart"] = replace(denied["before_restart"], since=now - 20_000)
    denied["hall_closed"] = replace(denied["hall_closed"], opens_at=now + HOUR_MS)
    denied["hall_full_kept"] = Denied(Reason.HALL_FULL, kept=12, kept_until=now + HOUR_MS)
    denied["hall_full_outer"] = Denied(Reason.HALL_FULL, hall_id=OUTER)
    return {**ADMITTED, **denied}


def answer(name: str, now: int, *, seq: int = 1, exits: bool = False) -> Answer:
    decision = Admitted() if exits else decisions(now)[name]
    direction = Direction.EXIT if exits else Direction.ENTRY
    unknown = isinstance(decision, Denied) and decision.reason in UNKNOWN
    category = CategoryFacts(
        DELEGATE, "delegate", {k: v[DELEGATE] for k, v in CATEGORIES.items()}, "D", "#1f5fa8"
    )
    return Answer(
        decision=decision,
        direction=direction,
        scanned_at=now,
        seq=seq,
        serial=None if unknown else 0x123456,
        holder=None if unknown else LONG if seq % 2 else CHINESE,
        category=None if unknown else category,
        free_places=4,
        explanation=each(
            lambda language: explain(
                decision,
                direction,
                language=language,
                words=catalogue.ANSWERS.get(language),
                time_zone=ZONE,
                at=now,
                categories=CATEGORIES[language],
                category=None if unknown else DELEGATE,
                hall=HALLS[language],
                doors={DOORS["en"]: DOORS[language]},
                outer={OUTER: OUTERS[language]},
            )
        ),
        speaks=Speaks("keynote", now + HOUR_MS) if name == "admit_kept" else None,
    )


def state(now: int, *answers: Answer, shown: int = 0, **changes: Any) -> dict[str, Any]:
    """The message to the page. `answers` are newest first; `shown` counts all of them. Without
    `online` the door's data is an hour old.
    """
    if not changes.get("online", True):
        changes = dict.fromkeys(("offline_since", "facts_as_of"), now - HOUR_MS) | changes
    board = Board()
    board.put(
        DoorStatus(
            hall_names=HALLS,
            door_names=DOORS,
            mode="both",
            time_zone=ZONE,
            free_places=4,
            hall_left=131,
        ),
        LinkStatus(online=True, facts_as_of=now - 3000),
        DeviceStatus(camera="live", battery_percent=71),
        SupervisorStatus(),
    )
    fields = {"alone": 0, "promise": "server", "version": "1.0.0", "files": "f", "update": False}
    own = {name: changes.pop(name) for name in fields if name in changes}
    board.update(**changes)
    shows = replace(
        board.state,
        answers=answers,
        made_at=tuple(monotonic_ms() - (now - one.scanned_at) for one in answers),
        shown=shown or len(answers),
    )
    event = json.loads(encode_state(shows, "page", now))
    event["status"] |= fields | own
    return {"type": "state", "event": event}

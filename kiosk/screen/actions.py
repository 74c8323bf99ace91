"""What staff send from the screen: typed codes, the direction, and a supervisor's actions.

A page's request is a path with a JSON body, and its reply a status with one, by HTTP or by other
means. Errors are for the person at the screen: a code, and plain words in each language. Neither
errors nor logs contain typed input.
"""

import logging
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct

from badges.admission.facts import Direction
from badges.credential.badge_number import badge_number
from badges.record import Count
from badges.wire.supervisor import PersonFacts
from kiosk.door.admit import NotReadyError
from kiosk.journal.errors import JournalError
from kiosk.screen.board import Board
from kiosk.screen.hand_scanner import WrongLayoutError, read_typed
from kiosk.supervisor.supervision import Need, Supervision
from kiosk.supervisor.texts import ANNUL_REASONS, OVERRIDE_REASONS, SupervisorError
from kiosk.texts.catalogue import each, say

log = logging.getLogger(__name__)

TEXT_MAX = 512  # a badge has 122 characters
KEYS_MAX = 160  # and is typed with as many keys
# Why a text of a hand scanner, or a choice of direction, was not taken.
ScanRefusal = Literal["bad_request", "scanner_layout", "one_way"]
DOORS = "/supervisor/doors"  # the only path that has no body, and changes nothing

_STATUS = {
    "wrong_pin": 401,
    "not_unlocked": 403,
    "not_a_supervisor": 403,
    "no_such_door": 404,
    "pin_locked": 429,
    "too_many": 429,
    "moved_often": 429,
    "bad_request": 400,
    "reason_missing": 400,
    "note_too_long": 400,
    "point_missing": 400,
    "no_server": 503,
    "not_ready": 503,
    "failed": 500,
}  # all others are answered with 409


class Typed(Struct, frozen=True, forbid_unknown_fields=True):
    text: Annotated[str, Meta(min_length=1, max_length=TEXT_MAX)]
    # The keys, for `hand_scanner.read_typed`. Empty if unknown.
    keys: Annotated[list[Annotated[str, Meta(max_length=24)]], Meta(max_length=KEYS_MAX)] = []


class Turned(Struct, frozen=True, forbid_unknown_fields=True):
    direction: Direction


class Unlocked(Struct, frozen=True, forbid_unknown_fields=True):
    user: Count
    pin: Annotated[str, Meta(pattern="^[0-9]{1,12}$")]


class Overruling(Struct, frozen=True, forbid_unknown_fields=True):
    seq: Count
    reason: Annotated[str, Meta(max_length=32)]
    note: Annotated[str, Meta(max_length=1000)] = ""


class Sought(Struct, frozen=True, forbid_unknown_fields=True):
    words: Annotated[str, Meta(min_length=2, max_length=80)]


class Chosen(Struct, frozen=True, forbid_unknown_fields=True):
    serial: Count


class Standing(Struct, frozen=True, forbid_unknown_fields=True):
    door: Count


class Assembly(Struct, frozen=True, forbid_unknown_fields=True):
    point: Annotated[str, Meta(max_length=200)]


@dataclass(frozen=True)
class Reply:
    status: int = 204
    body: bytes = b""  # JSON


Steps = Generator[Need, Any, Reply]
Result = dict[str, Any] | None
Action = Callable[[bytes], Result | Generator[Need, Any, Result]]
T = TypeVar("T", bound=Struct)


class Actions:
    def __init__(self, board: Board, supervision: Supervision | None) -> None:
        """Without `supervision` there are no supervisors."""
        self._board = board
        self._own = {"/text": self._text, "/direction": self._direction}
        self._supervisor = {} if supervision is None else SupervisorActions(supervision).by_path

    @property
    def paths(self) -> list[str]:
        return [*self._own, *self._supervisor]

    def reply(self, path: str, body: bytes) -> Steps:
        """`path` is one of `paths`. Raises nothing."""
        if path in self._own:
            try:
                return self._own[path](body)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                return _error(400, "bad_request", "Malformed request.")
        try:
            result = self._supervisor[path](body)
            if isinstance(result, Generator):
                result = yield from result
            return Reply() if result is None else _json(result)
        except SupervisorError as error:
            return refused(error)
        except NotReadyError:
            return refused(SupervisorError("not_ready"))
        except Exception as error:
            # A supervisor's page must neither stop the door nor log a PIN.
            log.error("%s failed: %s", path, type(error).__name__)
            why = {"detail": str(error)} if isinstance(error, JournalError) else {}
            return refused(SupervisorError("failed"), **why)

    def _text(self, body: bytes) -> Reply:
        """The answer appears on the board."""
        typed = msgspec.json.decode(body, type=Typed)
        try:
            meant, repaired = read_typed(typed.text, typed.keys)
        except WrongLayoutError:
            return _error(422, "scanner_layout", "The scanner's keyboard layout is wrong.")
        self._board.type_text(meant)
        return Reply(200 if repaired else 204)

    def _direction(self, body: bytes) -> Reply:
        turned = msgspec.json.decode(body, type=Turned)
        if not self._board.turn(turned.direction):
            return _error(409, "one_way", "This door serves one direction only.")
        return Reply()


class SupervisorActions:
    """A supervisor's actions by path, which raise SupervisorError and the journal's errors."""

    def __init__(self, supervision: Supervision) -> None:
        self._supervision = supervision
        self.by_path: Mapping[str, Action] = {
            "/supervisor/unlock": self._unlock,
            "/supervisor/lock": self._lock,
            "/supervisor/override": self._override,
            "/supervisor/annul": self._annul,
            "/supervisor/people": self._people,
            "/supervisor/admit": self._admit,
            "/supervisor/direction": self._direction,
            DOORS: self._doors,
            "/supervisor/door": self._door,
            "/supervisor/end-shift": self._end_shift,
            "/supervisor/resume": self._resume,
            "/supervisor/roll-call": self._roll_call,
            "/supervisor/end-roll-call": self._end_roll_call,
        }

    def _unlock(self, body: bytes) -> Result:
        asked = _read(body, Unlocked)
        session = self._supervision.unlock(asked.user, asked.pin)
        reasons = {"override": _listed(OVERRIDE_REASONS), "annul": _listed(ANNUL_REASONS)}
        return {"supervisor": session.shown(), "reasons": reasons}

    def _lock(self, _: bytes) -> Result:
        self._supervision.lock()
        return None

    def _override(self, body: bytes) -> Generator[Need, Any, Result]:
        asked = _read(body, Overruling)
        answer = yield from self._supervision.override(asked.seq, asked.reason, asked.note)
        return {"seq": answer.seq}

    def _annul(self, body: bytes) -> Result:
        asked = _read(body, Overruling)
        return {"seq": self._supervision.annul(asked.seq, asked.reason, asked.note).seq}

    def _people(self, body: bytes) -> Generator[Need, Any, Result]:
        """Find people by name or organisation. The words go to the server and are stored
        nowhere.
        """
        result = yield from self._supervision.people(_read(body, Sought).words)
        return {"people": [self._person(person) for person in result.people], "more": result.more}

    def _admit(self, body: bytes) -> Generator[Need, Any, Result]:
        answer = yield from self._supervision.admit(_read(body, Chosen).serial)
        return {"seq": answer.seq, "admitted": answer.admitted}

    def _direction(self, body: bytes) -> Result:
        self._supervision.turn(_read(body, Turned).direction)
        return None

    def _doors(self, _: bytes) -> Generator[Need, Any, Result]:
        own = self._supervision.own_door
        choices = yield from self._supervision.doors()
        listed = [
            {**msgspec.structs.asdict(choice), "current": choice.door == own} for choice in choices
        ]
        return {"doors": listed}

    def _door(self, body: bytes) -> Generator[Need, Any, Result]:
        chosen = _read(body, Standing).door
        yield from self._supervision.move(chosen)
        return {"door": chosen}

    def _end_shift(self, _: bytes) -> Result:
        return {"shift": self._supervision.end_shift()}

    def _resume(self, _: bytes) -> Result:
        self._supervision.resume()
        return None

    def _roll_call(self, body: bytes) -> Result:
        self._supervision.begin_roll_call(_read(body, Assembly).point)
        return None

    def _end_roll_call(self, _: bytes) -> Result:
        self._supervision.end_roll_call()
        return None

    def _person(self, person: PersonFacts) -> dict[str, Any]:
        return {
            "serial": person.serial,
            "badge": badge_number(person.serial),
            "name": person.holder.name,
            "organisation": person.holder.organisation,
            "country": person.holder.country,
            "category": self._supervision.category(person.category),
            "hints": [] if person.hints is UNSET else person.hints,
        }


def refused(error: SupervisorError, **more: str) -> Reply:
    shown = {"tries_left" if k == "tries" else k: v for k, v in error.fields.items()}
    body = {"error": error.code, "message": each(error.message), **shown, **more}
    return _json(body, _STATUS.get(error.code, 409))


def error_body(code: str, message: str) -> bytes:
    """The body of an error, for the page's scripts."""
    return msgspec.json.encode({"error": {"code": code, "message": message}})


def _error(status: int, code: ScanRefusal, message: str) -> Reply:
    return Reply(status, error_body(code, message))


def _listed(reasons: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"key": key, "words": each(partial(say, text=text))} for key, text in reasons.items()]


def _read(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise SupervisorError("bad_request") from None


def _json(body: dict[str, Any], status: int = 200) -> Reply:
    return Reply(status, msgspec.json.encode(body))

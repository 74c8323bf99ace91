"""Sends the board's states to the page, as JSON by Server-Sent Events.

Only the newest state is sent. After an interruption the page gets the current state, never a
backlog.
"""

import threading
from collections import deque
from collections.abc import Callable, Generator, Mapping
from typing import Any

import msgspec

from badges.credential.badge_number import badge_number
from kiosk.clock import monotonic_ms
from kiosk.door.answer import Answer
from kiosk.screen.board import Board, BoardState
from kiosk.texts.catalogue import each
from kiosk.texts.messages import Message, in_language

# The page reports the kiosk as lost after several beats without a sign of life.
BEAT_S = 1.0
FEEDS_MAX = 4  # each occupies one of the server's threads
# fields of the status that are messages
MESSAGES = ("camera_message", "notice", "refused", "trouble")


class Feeds:
    """The open feeds. If there is one too many, the oldest ends, so that a stale tab never keeps
    out a new one.
    """

    def __init__(
        self, feeds_max: int = FEEDS_MAX, on_ended: Callable[[], None] = lambda: None
    ) -> None:
        """`on_ended` is called when an open feed must end."""
        self._on_ended = on_ended
        self._lock = threading.Lock()  # guards the two fields below
        self._open: deque[object] = deque(maxlen=feeds_max)
        self._closed = False

    def enter(self) -> object:
        ticket = object()
        with self._lock:
            self._open.append(ticket)
        self._on_ended()
        return ticket

    def leave(self, ticket: object) -> None:
        with self._lock:
            if ticket in self._open:
                self._open.remove(ticket)

    def stands(self, ticket: object) -> bool:
        with self._lock:
            return not self._closed and ticket in self._open

    def close(self) -> None:
        with self._lock:
            self._closed = True
        self._on_ended()


def stream(
    board: Board,
    feeds: Feeds,
    page: str,
    now: Callable[[], int],
    beat_s: float = BEAT_S,
    *,
    proof: str = "",
) -> Generator[bytes, None, None]:
    """Yields the server's proof, each state at once, and a beat when nothing changes for a while.

    The page opens a feed that has ended anew, with another challenge.
    """
    ticket = feeds.enter()
    try:
        yield f"event: proof\ndata: {proof}\n\n".encode()
        seen = 0
        while feeds.stands(ticket):
            version, state = board.wait(seen, beat_s, lambda: feeds.stands(ticket))
            if version == seen:
                yield b"event: beat\ndata: alive\n\n"
                continue
            seen = version
            yield b"data: " + encode_state(state, page, now()) + b"\n\n"
    finally:
        feeds.leave(ticket)


def encode_state(
    state: BoardState, page: str, now: int, more: Mapping[str, object] | None = None
) -> bytes:
    """One line of JSON for the page. `page` identifies this run of the kiosk. `more` are further
    fields of the status.
    """
    status = state.status
    answers = [
        _answer(answer, state.shown - place, monotonic_ms() - made_at)
        for place, (answer, made_at) in enumerate(zip(state.answers, state.made_at, strict=True))
    ]
    event: dict[str, Any] = {
        "page": page,
        "now": now,
        "status": {
            **{name: getattr(status, name) for name in status.__dataclass_fields__},
            **{name: _words(getattr(status, name)) for name in MESSAGES},
            **(more or {}),
        },
        "answers": answers,
    }
    return msgspec.json.encode(event)


def _words(messages: Message | tuple[Message, ...] | None) -> dict[str, str]:
    if not messages:
        return {}
    several = (messages,) if isinstance(messages, Message) else messages
    return each(lambda language: in_language(language, *several))


def _answer(answer: Answer, number: int, age_ms: int) -> dict[str, Any]:
    """`age_ms` since it was made. Its scan may be older: a place, or a slow disk, is waited for."""
    holder, category = answer.holder, answer.category
    return {
        # number among all answers of this board
        "number": number,
        "tone": answer.tone,
        "direction": answer.direction,
        "at": answer.scanned_at,
        "age_ms": age_ms,
        "seq": answer.seq,
        "act": answer.act,
        "by": answer.by,
        "badge": None if answer.serial is None else badge_number(answer.serial),
        "holder": holder,
        "category": category,
        "speaks": answer.speaks,
        "words": {
            language: {"word": texts.word, "reason": texts.reason, "next_step": texts.next_step}
            for language, texts in answer.explanation.items()
        },
    }

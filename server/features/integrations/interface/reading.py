"""Answers integrations' queries for halls, entries and the programme."""

from typing import Annotated

import msgspec

from badges.transparency.signed_note import verifier_key
from server.core.entry_log import receipts
from server.core.venue import store
from server.features.integrations import entries, halls
from server.features.integrations.entries import PAGE_MAX, PAGE_USUAL, Entry, Time, time_of
from server.features.integrations.halls import Hall
from server.features.integrations.interface.routes import Nothing
from server.web.problems import ProblemError
from server.web.services import services

PAGE_SESSIONS = 500
NUMBER_MAX = 2**53
NUMBER_DIGITS_MAX = 15
Code = Annotated[str, msgspec.Meta(max_length=100)]


class Halls(msgspec.Struct):
    """The halls."""

    as_of: Time
    halls: list[Hall]


class EntriesAsked(msgspec.Struct, forbid_unknown_fields=True):
    """The requested page of entries."""

    after: Annotated[
        int, msgspec.Meta(ge=-1, le=NUMBER_MAX, description="the `next` of the page before")
    ] = -1
    limit: Annotated[int, msgspec.Meta(ge=1, le=PAGE_MAX)] = PAGE_USUAL
    hall: Annotated[Code | None, msgspec.Meta(description="entries of this hall alone")] = None


class Entries(msgspec.Struct):
    """One page of entries, oldest first."""

    entries: list[Entry]
    next: Annotated[int, msgspec.Meta(description="`after` of the next page, also for later")]
    more: Annotated[bool, msgspec.Meta(description="whether there is more already")]


class Receipt(msgspec.Struct):
    """The proof that a scan is in the entry log."""

    number: int
    receipt: Annotated[str, msgspec.Meta(description="the text of the file (C2SP tlog-proof)")]
    key: Annotated[str, msgspec.Meta(description="the log's key (C2SP signed-note)")]


class Session(msgspec.Struct):
    """One session of the programme."""

    code: str
    hall: Annotated[str, msgspec.Meta(description="the hall's code")]
    titles: Annotated[dict[str, str], msgspec.Meta(description="by language")]
    starts_at: Time
    ends_at: Time
    opens_at: Annotated[Time, msgspec.Meta(description="when its doors begin to admit")]
    closes_at: Annotated[Time, msgspec.Meta(description="when they stop")]
    categories: Annotated[
        list[str], msgspec.Meta(description="codes of those who may enter; empty: invited only")
    ]


class ProgrammeAsked(msgspec.Struct, forbid_unknown_fields=True):
    """The requested sessions."""

    hall: Annotated[Code | None, msgspec.Meta(description="sessions in this hall alone")] = None
    offset: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0
    limit: Annotated[int, msgspec.Meta(ge=1, le=PAGE_SESSIONS)] = PAGE_USUAL


class Programme(msgspec.Struct):
    """One page of the programme, by start time."""

    sessions: list[Session]
    total: int


def list_halls(asked: Nothing) -> Halls:
    here = services()
    return Halls(time_of(here.now()), halls.halls(here.database.reader))


def list_entries(asked: EntriesAsked) -> Entries:
    db = services().database.reader
    if asked.hall is not None:
        _known_hall(asked.hall)
    following = entries.entries_from(db, asked.after + 1, asked.limit + 1, hall=asked.hall)
    shown = following[: asked.limit]
    return Entries(shown, shown[-1].number if shown else asked.after, len(following) > len(shown))


def get_receipt(asked: Nothing, number: str) -> Receipt:
    here = services()
    if not (number.isascii() and number.isdigit() and len(number) <= NUMBER_DIGITS_MAX):
        raise ProblemError(404, "This entry does not exist.")
    with here.database.reading() as db:
        try:
            text = receipts.scan_receipt(db, here.log, int(number))
        except receipts.ReceiptError as error:
            raise ProblemError(404, f"No receipt: {error}.") from None
    key = verifier_key(here.event.log_name, here.event.log_key.public)
    return Receipt(int(number), text, key)


def list_sessions(asked: ProgrammeAsked) -> Programme:
    db = services().database.reader
    hall_id = None if asked.hall is None else _known_hall(asked.hall)
    all_sessions = store.sessions(db, hall_id)
    codes = {hall.hall_id: hall.code for hall in store.halls(db)}
    keys = {session.code: session.key for session in store.categories(db)}
    return Programme(
        [
            Session(
                code=session.code,
                hall=codes[session.hall_id],
                titles=session.titles,
                starts_at=time_of(session.starts_at),
                ends_at=time_of(session.ends_at),
                opens_at=time_of(session.opens_at),
                closes_at=time_of(session.closes_at),
                categories=[keys[category] for category in session.categories],
            )
            for session in all_sessions[asked.offset : asked.offset + asked.limit]
        ],
        len(all_sessions),
    )


def _known_hall(code: str) -> int:
    """Raises ProblemError for an unknown code."""
    ids = {hall.code: hall.hall_id for hall in store.halls(services().database.reader)}
    if code not in ids:
        raise ProblemError(404, "There is no hall with this code.")
    return ids[code]

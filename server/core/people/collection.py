"""Records which printed cards were handed over, and in which box at the desk the others are."""

from collections.abc import Callable, Sequence

from anyascii import anyascii

from badges.i18n import N_, Spoken
from badges.printing.latin import latin_name
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.people.folding import folded
from server.storage import dialect
from server.storage.connection import Connection

BOX_CHARS_MAX = 24
LETTERS_MAX = 8
# The newest badge of a person who is not revoked, printed and not handed over. Needs `b` (badge)
# and `a` (attendee).
TO_COLLECT = (
    "b.printed > 0 AND b.collected_at IS NULL AND a.revoked_at IS NULL AND NOT EXISTS"
    " (SELECT 1 FROM badge n WHERE n.serial = b.serial AND n.issue > b.issue)"
)


class BoxError(Spoken, ValueError):
    pass


def note_collected(db: Connection, serial: int, issue: int, *, by: str, now: int) -> None:
    """Record the first hand-over of a card. Later ones change nothing."""
    db.execute(
        "UPDATE badge SET collected_at = ?, collected_by = ? WHERE serial = ? AND issue = ?"
        " AND collected_at IS NULL",
        (now, by, serial, issue),
    )


def forget_collected(db: Connection, serial: int, issue: int) -> None:
    db.execute(
        "UPDATE badge SET collected_at = NULL, collected_by = NULL WHERE serial = ? AND issue = ?",
        (serial, issue),
    )


def uncollected(db: Connection) -> int:
    """Count the printed cards that are still at the desk."""
    (count,) = db.execute(
        f"SELECT COUNT(*) FROM badge b JOIN attendee a USING (serial) WHERE {TO_COLLECT}"
    ).fetchone()
    return int(count)


def box(db: Connection, serial: int) -> str:
    row = db.execute("SELECT box FROM card_box WHERE serial = ?", (serial,)).fetchone()
    return "" if row is None else str(row["box"])


def put_box(db: Connection, serials: Sequence[int], text: str, *, by: str, now: int) -> int:
    """An empty text removes the note. Return the number of people. Raises BoxError."""
    name = " ".join(text.split())
    if len(name) > BOX_CHARS_MAX or not name.isprintable():
        raise BoxError(
            N_("A box has at most %(most)s letters and digits, such as K–M or Box 7."),
            most=BOX_CHARS_MAX,
        )
    db.execute(f"DELETE FROM card_box WHERE {dialect.one_of('serial')}", (dialect.many(serials),))
    if name:
        db.executemany("INSERT INTO card_box VALUES (?, ?)", ((serial, name) for serial in serials))
    subject: dict[str, str | int | None] = {"count": len(serials)}
    if len(serials) == 1:
        subject = {"serial": serials[0]}
    if serials:
        entry_log.act(db, by, Act.CARD_BOX_SET, subject, now)
    return len(serials)


def named_between(first: str, last: str) -> Callable[[str, str], bool]:
    """Return a check of a given and a family name: whether the family name in Latin letters (else
    the only name) begins between two texts of some letters, both included. Raises BoxError.
    """
    begins, ends = folded(first), folded(last) or folded(first)
    if not begins or max(len(begins), len(ends)) > LETTERS_MAX or begins[: len(ends)] > ends:
        raise BoxError(N_("Give the first letters from and to, such as K and M, or Ka and Ke."))

    def check(given: str, family: str) -> bool:
        name = family or given
        text = folded(latin_name("", name) or anyascii(name))
        return text[: len(begins)] >= begins and text[: len(ends)] <= ends

    return check

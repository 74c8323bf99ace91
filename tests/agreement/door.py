"""A door that answers questions, for CPython and, unchanged, for a phone's Python.

It imports only what a phone has: `badges`, `kiosk` and a part of the standard library.
"""

import random
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from badges.admission.facts import Direction
from badges.credential.keys import PrivateKey, PublicKey
from kiosk.door.admit import Admitter
from kiosk.journal import schema
from kiosk.journal.journal import Journal
from kiosk.replica.replica import Replica


class Question(msgspec.Struct):
    text: str  # as read from a code
    at: int  # Unix ms
    direction: Direction


class Job(msgspec.Struct):
    """A kiosk's disk, and what it is asked."""

    kiosk: str
    seed: bytes  # of its key
    root: bytes
    event_id: bytes
    journal: list[str]  # SQL statements
    replica: list[str]
    questions: list[Question]


class Answered(msgspec.Struct):
    """An answer, and its row in the journal."""

    answer: dict[str, Any]
    record: str
    head: bytes
    signature: bytes


def answers(
    job: Job, directory: Path, pragmas: schema.Pragmas = schema.PRAGMAS
) -> Iterator[Answered]:
    """Answer the questions in turn. `pragmas` are the journal's."""
    now = job.questions[0].at
    clock, still = (lambda: now), (lambda: 0)
    for name, statements in (("journal.db", job.journal), ("replica.db", job.replica)):
        _fill(directory / name, statements)
    identity, key, root = (job.kiosk, 1), PrivateKey(job.seed), PublicKey(job.root)
    with (
        _same_salts(),
        Journal(
            directory / "journal.db", *identity, key, root=root, event_id=job.event_id,
            pragmas=pragmas,
        ) as journal,
        Replica(
            directory / "replica.db", *identity, root, clock=clock, monotonic=still
        ) as replica,
    ):  # fmt: skip
        door = Admitter(journal, replica, monotonic=still)
        for question in job.questions:
            now = question.at
            answer = door.present(question.text, at=now, direction=question.direction)
            (row,) = journal.stored(answer.seq - 1, 1)
            yield Answered(
                msgspec.to_builtins(answer, order="sorted"),
                row.record.decode(),
                row.head,
                row.signature,
            )


def _fill(path: Path, statements: list[str]) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


@contextmanager
def _same_salts() -> Iterator[None]:
    """The journal's salts are random; here both doors draw the same."""
    draw, kept = random.Random(1), secrets.token_hex
    secrets.token_hex = lambda size=32: draw.randbytes(size).hex()
    try:
        yield
    finally:
        secrets.token_hex = kept

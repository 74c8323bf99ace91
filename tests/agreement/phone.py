"""Compares a phone's door with a Linux kiosk's: the same disk, the same questions."""

import random
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from badges.admission.facts import Direction
from badges.credential.badge_number import badge_number
from server.core.people import issuing
from tests.agreement import door
from tests.agreement.door import Answered, Job, Question, answers
from tests.agreement.world import Kiosk, World, random_world
from tests.kiosk.browser.node import run_in_node

ODD = 0.12  # share of codes that are no valid badge
EXITS = 0.35


@dataclass
class Compared:
    answers: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)

    @property
    def asked(self) -> int:
        return self.answers.total()


def jobs_of(path: Path, seed: int, times: int) -> list[Job]:
    """The kiosks of a seed's world, with `times` random questions in all."""
    with random_world(path, seed) as world:
        draw = random.Random(f"ask the phone {seed}")
        each = -(-times // len(world.kiosks))
        return [_job(world, kiosk, draw, each) for kiosk in world.kiosks]


def _job(world: World, kiosk: Kiosk, draw: random.Random, times: int) -> Job:
    return Job(
        kiosk=kiosk.name,
        seed=kiosk.key.seed,
        root=world.event.root_key.public.raw,
        event_id=world.event.event_id,
        journal=list(_statements(kiosk.journal.path)),
        replica=list(_statements(kiosk.journal.path.with_name("replica.db"))),
        questions=[_question(world, draw) for _ in range(times)],
    )


def _statements(path: Path) -> Iterator[str]:
    with closing(sqlite3.connect(path)) as connection:
        yield from connection.iterdump()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    yield f"PRAGMA user_version = {version}"


def _question(world: World, draw: random.Random) -> Question:
    serial, at = draw.choice(world.serials), world.instants(draw)
    issues = [badge.issue for badge in issuing.badges_of(world.database.reader, serial)]
    text = world.badge(serial, draw.choice((None, *issues)), at)
    if draw.random() < ODD:
        at_char = draw.randrange(len(text))
        text = draw.choice((
            text[:at_char] + draw.choice("AZ09") + text[at_char + 1 :], text[:at_char],
            text.lower(), badge_number(serial), "https://example.org/", "", "票 12",
        ))  # fmt: skip
    direction = Direction.EXIT if draw.random() < EXITS else Direction.ENTRY
    return Question(text, at, direction)


def ask_phone(path: Path, jobs: Sequence[Job]) -> list[list[Answered]]:
    """The answers of the phone's Python, in Node. Skips the test without Node."""
    source = Path(door.__file__).read_text("utf-8")
    result = run_in_node(path, f"{source}\n{SCRIPT.format(jobs=msgspec.json.encode(jobs))}")
    return msgspec.convert(result, list[list[Answered]], builtin_types=())


SCRIPT = """
def _answered(number, job):
    directory = Path(f"/door-{{number}}")
    directory.mkdir()
    pragmas = schema.without_wal(schema.PRAGMAS)
    return msgspec.to_builtins(list(answers(job, directory, pragmas)))

jobs = msgspec.json.decode({jobs!r}, type=list[Job])
result = [_answered(number, job) for number, job in enumerate(jobs)]
"""


def compare(path: Path, phone: Sequence[Sequence[Answered]], jobs: Sequence[Job]) -> Compared:
    """Compare the phone's answers with those of a Linux door, which answers now, in `path`."""
    compared = Compared()
    for number, (job, there) in enumerate(zip(jobs, phone, strict=True)):
        directory = path / f"linux-{number}"
        directory.mkdir()
        for question, here, other in zip(
            job.questions, answers(job, directory), there, strict=True
        ):
            compared.answers[_name(here)] += 1
            if _bytes(here) != _bytes(other):
                compared.differences.append(
                    f"{question}\n  Linux {_bytes(here)!r}\n  phone {_bytes(other)!r}"
                )
    return compared


def _bytes(answered: Answered) -> bytes:
    return msgspec.json.encode(answered, order="sorted")


def _name(answered: Answered) -> str:
    decision = answered.answer["decision"]
    if reason := decision.get("reason"):
        return f"denied, {reason}"
    return ", ".join([answered.answer["direction"], *sorted(decision["flags"])])

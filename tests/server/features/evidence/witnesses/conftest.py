"""An entry log with some acts, a witness on this machine, and a time-stamping authority."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from badges.credential.keys import PrivateKey
from badges.transparency.checkpoint import Checkpoint, sign_checkpoint
from badges.transparency.merkle import Tree, leaf_hash
from badges.transparency.signed_note import verifier_key
from server.core.entry_log import checkpoints, entry_log, outside
from server.core.entry_log.act_names import Act
from server.core.entry_log.checkpoints import Cosigned
from server.core.entry_log.outside import Code
from server.core.event.directory import Event
from server.core.outgoing.posting import Reply
from server.features.evidence.witnesses.asking import Witness as Asked
from server.features.evidence.witnesses.asking import witnesses
from server.features.evidence.witnesses.witness import Witness, opened
from server.features.evidence.witnesses.worker import Confirming
from server.storage.database import Database
from tests.server.conftest import NOW
from tests.server.features.evidence.witnesses.time_authority import TimeAuthority
from tests.tools import need

NAME = "example.org/w1"


@dataclass
class World:
    """An event with a clock that tests move, and a witness in the same process."""

    event: Event
    database: Database
    witness: Witness
    now: int = NOW
    answer: Callable[[str, bytes], Reply] | None = None
    asked: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        settings = replace(
            self.event.settings, witnesses={"https://w1.example.org": self.witness.key}
        )
        self.event = replace(self.event, settings=settings)
        self.restart()

    def restart(self) -> None:
        """As if the server had ended and begun anew."""
        self.log = entry_log.Log(self.database, self.event.log_name, self.event.log_key)
        self.confirming = Confirming(
            self.event, self.database, self.log, lambda: self.now, send=self.send
        )

    def settings(self, **changes: object) -> None:
        self.event = replace(self.event, settings=replace(self.event.settings, **changes))
        self.restart()

    def send(self, url: str, body: bytes, headers: Mapping[str, str], answer_max: int) -> Reply:
        """Bring a request to the witness, or to its stand-in."""
        self.asked.append(body)
        if self.answer is not None:
            return self.answer(url, body)
        assert url == "https://w1.example.org/add-checkpoint"
        answer = self.witness.add_checkpoint(body, self.now // 1000)
        return Reply(answer.status, str(answer.status), answer.body.encode(), answer.content_type)

    def act(self, count: int = 1) -> None:
        for number in range(count):
            subject = {"hall": number}
            self.database.write(
                lambda db, subject=subject: entry_log.act(
                    db, "user:1", Act.HALL_CLOSED, subject, self.now
                )
            )

    def round(self, later_ms: int = 60_000) -> None:
        """Let a minute pass, and run the server's work for it."""
        self.now += later_ms
        self.confirming.sign()
        self.confirming.ask()

    @property
    def asks(self) -> Asked:
        return witnesses(self.event.settings)[0]

    @property
    def cosigned(self) -> Cosigned | None:
        with self.database.reading() as db:
            return next(iter(checkpoints.cosigned(db, self.log.name)), None)

    @property
    def trouble(self) -> tuple[Code, str] | None:
        with self.database.reading() as db:
            failures = outside.failures(db)
        assert len(failures) <= 1
        return (failures[0].code, failures[0].words) if failures else None

    def alter(self, statement: str, *values: object) -> None:
        self.database.write(lambda db: db.execute(statement, values))


@pytest.fixture
def world(event: Event, database: Database, tmp_path: Path) -> Iterator[World]:
    key = verifier_key(event.log_name, event.log_key.public)
    with opened(tmp_path / "witness", NAME, [key]) as witness:
        running = World(event, database, witness)
        running.act(5 - running.log.size())
        yield running


@dataclass
class OtherLog:
    """A signed log apart from any event. Its entries are texts."""

    key: PrivateKey
    origin: str = "example.org/log"
    tree: Tree = field(default_factory=Tree)

    def grow(self, *entries: str) -> None:
        for entry in entries:
            self.tree.append(leaf_hash(entry.encode()))

    def note(self, size: int | None = None) -> str:
        size = self.tree.size if size is None else size
        checkpoint = Checkpoint(self.origin, size, self.tree.root(size))
        return sign_checkpoint(self.key, self.origin, checkpoint)

    @property
    def vkey(self) -> str:
        return verifier_key(self.origin, self.key.public)


@pytest.fixture(scope="module")
def time_authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TimeAuthority]:
    need("openssl")
    with TimeAuthority.made(tmp_path_factory.mktemp("tsa") / "good") as authority:
        yield authority

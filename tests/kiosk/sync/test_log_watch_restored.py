"""A restored server's entry log: another log, which lacks the entries since the backup."""

from dataclasses import dataclass, field

import pytest

from badges.credential.keys import PrivateKey
from badges.transparency.checkpoint import Checkpoint, sign_checkpoint
from badges.transparency.merkle import Tree, leaf_hash
from kiosk.journal.checkpoints import Evidence, Witnessed
from kiosk.sync.log_watch import RENAMED_MS, SAVED_MS, Watch, line_of, succeeds

KEY = PrivateKey(b"l" * 32)
NAME = "hallkeeper/0f8fad5b-d9cb-469f-a165-70867728950e"
NOW = 1_777_860_000_000


@dataclass
class Kept:
    """The journal's stored checkpoints."""

    saved: Witnessed | None = None
    evidence: list[Evidence] = field(default_factory=list)

    def newest(self) -> Witnessed | None:
        return self.saved

    def keep(self, newest: Witnessed) -> None:
        self.saved = newest

    def accuse(self, evidence: Evidence) -> None:
        self.evidence.append(evidence)


@dataclass
class Log:
    """A server's entry log."""

    name: str
    tree: Tree = field(default_factory=Tree)

    def grow(self, *entries: str) -> "Log":
        for entry in entries:
            self.tree.append(leaf_hash(entry.encode()))
        return self

    def note(self) -> str:
        checkpoint = Checkpoint(self.name, self.tree.size, self.tree.root())
        return sign_checkpoint(KEY, self.name, checkpoint)

    def proof(self, size: int) -> list[bytes]:
        return self.tree.consistency(size, self.tree.size) if 0 < size < self.tree.size else []


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def watch(kept: Kept) -> Watch:
    return Watch(kept)  # type: ignore[arg-type]


def check(watch: Watch, log: Log, name: str | None = None, now: int = NOW) -> str:
    proof = log.proof(watch.size)
    result = watch.check(log.note(), proof, name=name or log.name, key=KEY.public.raw, now=now)
    return "" if result is None else str(result)


def old_log() -> Log:
    return Log(NAME).grow("a", "b", "c", "d")


def restored(*entries: str, incarnation: int = 7) -> Log:
    """From a backup of two entries."""
    return Log(f"{NAME}/{incarnation}").grow("a", "b", "restored", *entries)


class TestNames:
    @pytest.mark.parametrize(
        ("name", "line"),
        [
            (NAME, (NAME, 1)),
            (f"{NAME}/1777860000", (NAME, 1777860000)),
            (f"{NAME}/", (f"{NAME}/", 1)),
            (f"{NAME}/٣", (f"{NAME}/٣", 1)),
            (f"{NAME}/{'9' * 16}", (f"{NAME}/{'9' * 16}", 1)),
            ("7", ("7", 1)),
        ],
    )
    def test_a_name_and_its_incarnation(self, name: str, line: tuple[str, int]) -> None:
        assert line_of(name) == line

    def test_which_follows_which(self) -> None:
        assert succeeds(f"{NAME}/2", NAME)
        assert succeeds(f"{NAME}/10", f"{NAME}/9")
        assert not succeeds(NAME, NAME)
        assert not succeeds(NAME, f"{NAME}/2")
        assert not succeeds(f"{NAME}/2", "hallkeeper/another")


class TestRestored:
    def test_lost_entries_are_kept_as_evidence_without_an_alarm(
        self, watch: Watch, kept: Kept
    ) -> None:
        old, new = old_log(), restored()
        assert check(watch, old) == ""
        assert check(watch, new) == ""
        (evidence,) = kept.evidence
        assert "restored from a backup" in evidence.problem
        assert "lacks some of the 4 entries" in evidence.problem
        assert (evidence.old_note, evidence.new_note) == (old.note(), new.note())
        assert kept.saved is not None
        assert kept.saved.log_name == new.name, "on disk at once"
        assert check(watch, new.grow("c")) == ""
        assert watch.size == 4
        assert len(kept.evidence) == 1

    def test_a_kiosk_that_has_seen_no_more_than_the_backup_misses_nothing(
        self, watch: Watch, kept: Kept
    ) -> None:
        check(watch, Log(NAME).grow("a", "b"))
        assert check(watch, restored("c")) == ""
        assert kept.evidence == []

    def test_a_longer_log_hides_nothing(self, watch: Watch, kept: Kept) -> None:
        """Doors have sent so much again that the new log is longer than the old one was."""
        check(watch, old_log())
        assert check(watch, restored("c", "d", "e")) == ""
        assert len(kept.evidence) == 1

    def test_after_a_restart_too(self, watch: Watch, kept: Kept) -> None:
        check(watch, old_log())
        watch.save()
        again = Watch(kept)  # type: ignore[arg-type]
        assert check(again, restored()) == ""
        assert check(again, restored("e", incarnation=8)) == ""
        assert len(kept.evidence) == 1, "the third begins as the second"


class TestNoExcuse:
    def test_under_one_name_nothing_goes_missing(self, watch: Watch, kept: Kept) -> None:
        check(watch, restored("c", "d"))
        for shorter in (restored(), restored("c"), restored("d", "c")):
            assert "contradicts the one that this kiosk saw" in check(watch, shorter)
        assert watch.size == 5, "it goes by what it knew"

    @pytest.mark.parametrize("name", [NAME, f"{NAME}/6", "hallkeeper/another/9"])
    def test_an_earlier_or_another_name(self, watch: Watch, kept: Kept, name: str) -> None:
        check(watch, restored())
        log = Log(name).grow("a", "b", "restored", "c")
        assert "its name or key has changed" in check(watch, log)
        assert len(kept.evidence) == 1

    def test_another_key(self, watch: Watch) -> None:
        check(watch, old_log())
        key = PrivateKey(b"m" * 32)
        tree = restored().tree
        name = f"{NAME}/7"
        note = sign_checkpoint(key, name, Checkpoint(name, tree.size, tree.root()))
        result = watch.check(note, [], name=name, key=key.public.raw, now=NOW)
        assert "its name or key has changed" in str(result)


class TestAheadOfTheSnapshot:
    def test_a_new_name_is_waited_for(self, watch: Watch, kept: Kept) -> None:
        check(watch, old_log())
        assert check(watch, restored(), name=NAME) == ""
        assert watch.size == 4
        assert check(watch, restored(), now=NOW + 5_000) == ""
        assert watch.size == 3

    def test_but_not_for_ever(self, watch: Watch) -> None:
        check(watch, old_log())
        assert check(watch, restored(), name=NAME) == ""
        late = NOW + RENAMED_MS
        assert "contradicts" in check(watch, restored(), name=NAME, now=late)

    def test_the_wait_begins_anew(self, watch: Watch) -> None:
        check(watch, old_log())
        check(watch, restored(), name=NAME)
        check(watch, restored())
        later = NOW + 2 * RENAMED_MS
        assert check(watch, restored(incarnation=9), name=f"{NAME}/7", now=later) == ""


def test_it_is_put_on_disk_now_and_then(watch: Watch, kept: Kept) -> None:
    log = Log(NAME).grow("a")
    check(watch, log)
    check(watch, log.grow("b"), now=NOW + 1)
    assert kept.saved is not None
    assert kept.saved.size == 1
    check(watch, log.grow("c"), now=NOW + SAVED_MS)
    assert kept.saved.size == 3

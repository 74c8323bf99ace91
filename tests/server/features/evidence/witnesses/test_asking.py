"""The server asks its witnesses, and reports forks, forgetful witnesses and liars."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from badges.credential.keys import PrivateKey
from badges.transparency import signed_note
from badges.transparency.checkpoint import cosign, open_checkpoint, verify_cosignature
from badges.transparency.merkle import leaf_hash
from badges.transparency.signed_note import verifier_key
from badges.transparency.witnessing import witness_key
from server.core.entry_log import checkpoints
from server.core.entry_log.outside import Code
from server.core.event.settings import EventError, EventSettings, parse_settings, settings_text
from server.core.outgoing.posting import Reply
from server.features.evidence.witnesses.witness import opened
from tests.server.conftest import HOUR, MINUTE, NOW
from tests.server.features.evidence.witnesses.conftest import NAME, World


def test_it_is_cosigned_once_a_minute_while_there_is_news(world: World) -> None:
    world.round()
    first = world.cosigned
    assert first is not None
    assert (first.size, first.cosigned_at, world.trouble) == (5, world.now, None)
    public = world.asks.public
    assert verify_cosignature(public, NAME, first.note) * 1000 == world.now
    opened = open_checkpoint(world.event.log_key.public, world.log.name, first.note)
    assert (opened.size, opened.root) == world.log.state()
    # Without news no witness is asked.
    world.round()
    assert len(world.asked) == 1
    world.act(2)
    world.round(5_000)
    assert (len(world.asked), world.cosigned.size) == (2, 7)
    world.act()
    world.round(30_000)
    assert len(world.asked) == 2
    world.round(30_000)
    assert (len(world.asked), world.cosigned.size) == (3, 8)
    assert world.asked[1].startswith(b"old 5\n")


def test_what_is_served_bears_it(world: World) -> None:
    """Kiosks and pages get the cosigned checkpoint while it is the newest."""
    plain, _ = world.log.checkpoint(0)
    world.round()
    note, _ = world.log.checkpoint(0)
    assert note.startswith(plain)
    assert note == world.cosigned.note
    world.restart()
    world.confirming.start()
    world.confirming.close()
    assert world.log.checkpoint(0)[0] == note
    world.act()
    newer, proof = world.log.checkpoint(5)
    assert NAME not in newer
    assert proof


def test_the_witness_knows_more_than_is_kept_here(world: World) -> None:
    """The database was set back to before the cosignature, with the same log."""
    world.round()
    earlier, name = world.cosigned, world.log.name
    world.act(2)
    world.round()
    world.database.write(lambda db: checkpoints.keep_cosigned(db, name, earlier))
    world.act(2)
    world.round()
    assert (world.cosigned.size, world.trouble) == (9, None)
    # The first answer was 409 with the size, and the second request a proof from there.
    assert [request.split(b"\n")[0] for request in world.asked[-2:]] == [b"old 5", b"old 7"]
    world.alter("DELETE FROM witness_cosignature")
    world.act()
    world.round()
    assert (world.cosigned.size, world.trouble) == (10, None)


def test_what_is_kept_of_a_witness_was_altered(world: World) -> None:
    world.round()
    world.act()
    for note in ("", "x\n\n", "a\nb\nc=\n", world.log.note(4)):
        world.alter("UPDATE witness_cosignature SET note = ?", note)
        world.round(30 * MINUTE)
        assert world.trouble == (Code.FORK, "it cosigned another log of 5 entries than this one")
    world.alter("DELETE FROM witness_cosignature")
    world.round(30 * MINUTE)
    assert (world.trouble, world.cosigned.size) == (None, 6)


def rewrite(world: World, keep: int, more: int) -> None:
    """Rewrite the log from `keep` entries on, as a holder of the server's key can."""
    world.alter("DELETE FROM leaf WHERE number >= ?", keep)
    world.now += 1
    for _ in range(more):
        world.act()
    world.restart()


@pytest.mark.parametrize("forgotten", [False, True])
@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (5, Code.FORK, "cosigned a log with a different beginning"),
        (2, Code.FORK, "it cosigned another log of 5 entries"),
        (1, Code.AHEAD, "it cosigned 5 entries of this log, and there are 4"),
    ],
)
def test_a_forged_log(world: World, more: int, code: Code, words: str, *, forgotten: bool) -> None:
    """By a holder of the log's key, also if the stored cosignatures were altered too."""
    world.round()
    rewrite(world, 3, more)
    if forgotten:
        world.alter("DELETE FROM witness_cosignature")
        world.alter("DELETE FROM given_checkpoint")
    elif code is Code.FORK:
        # The stored cosignature shows it without a request.
        words = "it cosigned another log of 5 entries than this one"
    asked = len(world.asked)
    world.round()
    assert (len(world.asked) > asked) is forgotten
    assert world.trouble is not None
    assert world.trouble[0] is code
    assert words in world.trouble[1]
    # It stays while it is so, and is asked ever more rarely.
    asked = len(world.asked)
    for _ in range(10):
        world.round()
    assert world.trouble[0] is code
    assert len(world.asked) - asked <= 10
    assert world.witness.size(world.log.name) == 5


def test_a_witness_that_was_put_back_to_an_older_state(world: World, tmp_path: Path) -> None:
    """It could be made to cosign another history. This is reported, and asking continues."""
    world.round()
    log = verifier_key(world.log.name, world.event.log_key.public)
    key = (tmp_path / "witness" / "witness.key").read_bytes()
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "witness.key").write_bytes(key)
    world.act()
    with opened(tmp_path / "old", NAME, [log]) as older:
        world.witness = older
        world.round()
        assert world.trouble == (Code.SET_BACK, "it had cosigned 5 entries, and knew fewer")
        assert world.cosigned.size == 6
        world.act()
        world.round()
        assert world.trouble[0] is Code.SET_BACK
        # The report ends after a day.
        world.act()
        world.round(24 * HOUR)
        assert (world.trouble, world.cosigned.size) == (None, 8)


def test_one_that_is_away_is_asked_again_later_and_later(world: World) -> None:
    world.answer = lambda url, body: Reply(0, "no answer in time")
    times = []
    for _ in range(60):
        before = len(world.asked)
        world.act()
        world.round()
        if len(world.asked) > before:
            times.append((world.now - NOW) // MINUTE)
    assert world.trouble == (Code.AWAY, "no answer in time")
    assert times == [1, 2, 4, 8, 16, 31, 46]
    world.answer = None
    for _ in range(15):
        world.round()
    assert (world.trouble, world.cosigned.size) == (None, 65)


@pytest.mark.parametrize(
    ("reply", "code", "words"),
    [
        (Reply(404, "404"), Code.UNKNOWN, "does not know this log"),
        (Reply(403, "403"), Code.UNKNOWN, "does not know this log"),
        (Reply(500, "500"), Code.AWAY, "500"),
        (Reply(302, "302"), Code.AWAY, "302"),
        (Reply(400, "400"), Code.AWAY, "400"),
        (Reply(200, "200"), Code.WRONG, "its cosignature is wrong"),
        (Reply(200, "200", b"\xff"), Code.WRONG, "its cosignature is wrong"),
        (Reply(200, "200", "— a b\n".encode()), Code.WRONG, "its cosignature is wrong"),
        (Reply(200, "200", b"x" * 100, "", True), Code.WRONG, "its answer is too long"),
        (Reply(409, "409", b""), Code.WRONG, "it names no size"),
        (Reply(409, "409", b"-1\n"), Code.WRONG, "it names no size"),
        (Reply(409, "409", b"03\n"), Code.WRONG, "it names no size"),
        (Reply(409, "409", b"9" * 5000 + b"\n"), Code.WRONG, "it names no size"),
        (Reply(409, "409", b"0\n"), Code.WRONG, "refuses 0 entries, and names the same"),
        (Reply(409, "409", b"3\n"), Code.WRONG, "refuses 3 entries, and names the same"),
        (Reply(409, "409", b"9223372036854775807\n"), Code.AHEAD, "9223372036854775807"),
    ],
)
def test_hostile_answers(world: World, reply: Reply, code: Code, words: str) -> None:
    world.answer = lambda url, body: reply
    world.round()
    assert world.trouble is not None
    assert world.trouble[0] is code
    assert words in world.trouble[1]
    assert world.cosigned is None
    assert len(world.asked) <= 2


KEY = PrivateKey(b"a witness of its own".ljust(32))


def lines(world: World, note: str) -> Iterator[tuple[str, str]]:
    """A liar's possible answers, each with the resulting report."""
    now_s = world.now // 1000
    good = cosign(KEY, NAME, note, now_s)
    other = note.replace("\n5\n", "\n4\n")
    yield "signature", cosign(KEY, NAME, other, now_s)
    yield "not signed by this key", cosign(PrivateKey(bytes(32)), NAME, note, now_s)
    yield "not signed by this key", cosign(KEY, "example.org/w2", note, now_s)
    yield "signed twice", good + cosign(KEY, NAME, note, now_s + 1)
    yield "at another time", cosign(KEY, NAME, note, now_s + 2 * 3600)
    yield "at another time", cosign(KEY, NAME, note, 0)
    yield "malformed", good.rstrip("\n")
    yield "malformed", good + "x\n"
    name = signed_note.key_id(NAME, signed_note.COSIGNATURE, KEY.public)
    yield "malformed", signed_note.signature_line(NAME, name, b"\xff" * 72)
    yield "signature", signed_note.signature_line(NAME, name, bytes(8))


def test_cosignatures_that_are_none(world: World) -> None:
    world.settings(witnesses={"https://w1.example.org": witness_key(NAME, KEY.public)})
    world.confirming.sign()
    with world.database.reading() as db:
        (note,) = db.execute("SELECT note FROM given_checkpoint").fetchone()
    for words, line in lines(world, note):
        world.answer = lambda url, body, line=line: Reply(200, "200", line.encode())
        world.restart()
        world.confirming.ask()
        assert world.trouble is not None, line
        assert world.trouble[0] is Code.WRONG
        assert words in world.trouble[1] or words == "not signed by this key"
        assert world.cosigned is None


def test_a_cosignature_that_others_made(world: World) -> None:
    """By aics-tlog, which others wrote (Python 3.12 and later): it has our very bytes."""
    others = pytest.importorskip("aics_tlog.cosign", reason="aics-tlog is not here")
    note = world.log.note(5)
    size, root = world.log.state()
    key = others.Ed25519PrivateKey.from_private_bytes(KEY.seed)
    at = world.now // 1000 + 60
    _, cosignature = others.sign_cosignature(key, NAME, at, world.log.name, size, root)
    line = signed_note.signature_line(cosignature.name, cosignature.key_id, cosignature.signature)
    assert line == cosign(KEY, NAME, note, at)
    world.settings(witnesses={"https://w1.example.org": witness_key(NAME, KEY.public)})
    world.answer = lambda url, body: Reply(200, "200", line.encode())
    world.round()
    assert world.cosigned.note == note + line


def test_lines_of_others_are_left_out(world: World) -> None:
    """A witness may answer with lines by several keys."""
    world.settings(witnesses={"https://w1.example.org": witness_key(NAME, KEY.public)})

    def answer(url: str, body: bytes) -> Reply:
        note = body.decode().partition("\n\n")[2]
        stranger = cosign(PrivateKey(bytes(32)), "example.org/x", note, world.now // 1000)
        own = cosign(KEY, NAME, note, world.now // 1000)
        return Reply(200, "200", (stranger + own).encode())

    world.answer = answer
    world.round()
    assert world.cosigned is not None
    assert "example.org/x" not in world.cosigned.note


def test_a_witness_sees_hashes_alone(world: World) -> None:
    """Only sizes, hashes and the log's signature are sent, byte by byte."""
    world.round()
    world.act(300)
    world.round()
    head, _, note = world.asked[-1].decode().partition("\n\n")
    first, *proof = head.split("\n")
    assert first == "old 5"
    assert all(len(digest) == 44 for digest in proof)
    assert note == world.log.note(305)
    with world.database.reading() as db:
        bodies = [row["body"] for row in db.execute("SELECT body, salt FROM leaf")]
    for body in bodies:
        for raw in world.asked:
            assert body not in raw
            assert hashlib.sha256(body).digest() not in raw
            assert leaf_hash(body) not in raw


def test_a_busy_witness_keeps_nobody_waiting(world: World) -> None:
    """While a witness is asked, acts are written and checkpoints signed."""

    def answer(url: str, body: bytes) -> Reply:
        world.act()
        world.now += 2 * MINUTE
        world.confirming.sign()
        return Reply(0, "no answer in time")

    world.answer = answer
    world.round()
    assert world.log.size() == 6
    with world.database.reading() as db:
        assert db.execute("SELECT size FROM given_checkpoint").fetchone()[0] == 6


# ---- Settings


def test_settings_of_witnesses(settings: EventSettings) -> None:
    key = witness_key(NAME, KEY.public)
    changed = replace(
        settings, witnesses={"https://w.example.org/x": key}, time_authority="http://tsa.example.org",
        time_authority_ca="tsa.pem", time_authority_policy="1.2.3",
    )  # fmt: skip
    assert parse_settings(settings_text(changed), "event.toml") == changed
    assert parse_settings(settings_text(settings), "event.toml") == settings
    log = verifier_key("example.org/log", KEY.public)
    other = {"https://w.example.org": key, "https://w2.example.org": key}
    for witnesses in ({"w.example.org": key}, {"https://w": log}, {"https://u:p@w": key}, other,
                      {"https://w": key[:-2] + "AA"}, {"file:///etc": key}):  # fmt: skip
        with pytest.raises(EventError, match="^witnesses must be a witness's verifier key"):
            replace(settings, witnesses=witnesses)
    with pytest.raises(EventError, match="needs time_authority_ca"):
        replace(settings, time_authority="http://tsa.example.org")
    for policy in ("1", "1..2", "3.1", "1.2.03", "x"):
        with pytest.raises(EventError, match="^time_authority_policy must be"):
            replace(settings, time_authority_policy=policy)
    for url in ("tsa", "ftp://tsa", "https://u:p@tsa", "https://tsa#x"):
        with pytest.raises(EventError, match="^time_authority must be"):
            replace(settings, time_authority=url, time_authority_ca="x")


def test_one_that_names_another_size_each_time(world: World) -> None:
    sizes = iter((b"3\n", b"2\n"))
    world.answer = lambda url, body: Reply(409, "409", next(sizes))
    world.round()
    assert world.trouble == (Code.WRONG, "it names another size each time")

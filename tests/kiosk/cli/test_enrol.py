"""Enrolment with a small server: every failure ends in a plain sentence."""

import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from badges.admission.facts import Direction
from badges.credential.keys import PublicKey
from badges.wire import wire
from badges.wire.enrolment import EnrolmentCode, check_proof, six_words
from kiosk.cli.enrol import enrol, move_aside
from kiosk.config.files import load_direction, locked, save_direction
from kiosk.config.identity import load_identity, load_key
from kiosk.journal.journal import Journal
from kiosk.supervisor.state_file import Kept, SupervisorFile
from kiosk.sync.enrolment import EnrolError
from tests.kiosk.support.door_fixture import (
    EVENT_ID,
    GENERATION,
    KIOSK,
    ROOT,
    enrolled,
    key_of,
    signed_identity,
)
from tests.kiosk.support.fake_server import (
    FakeServer,
    Reply,
    Request,
    error_reply,
    json_reply,
    serving,
)

TOKEN = bytes(range(16))


class Admin:
    """The server's side. It confirms at the kiosk's `confirm_at`th request."""

    def __init__(self, confirm_at: int = 2) -> None:
        self.confirm_at = confirm_at
        self.asked = 0
        self.keys: list[bytes] = []
        self.change: Callable[[wire.EnrolAnswer, bytes], wire.EnrolAnswer] = lambda answer, _: (
            answer
        )

    def __call__(self, request: Request) -> Reply:
        asked = wire.decode(request.body, wire.EnrolRequest)
        assert asked.token == TOKEN
        check_proof(PublicKey(asked.public_key), asked.token, asked.signature)
        self.keys.append(asked.public_key)
        self.asked += 1
        if self.asked < self.confirm_at:
            return json_reply(wire.EnrolAnswer(confirmed=False))
        return json_reply(self.change(answer_for(asked.public_key), asked.public_key))


def answer_for(public_key: bytes) -> wire.EnrolAnswer:
    class Key:
        public = PublicKey(public_key)

    return wire.EnrolAnswer(
        confirmed=True,
        identity=signed_identity(Key),
        root_key=ROOT.public.raw,
        event_id=EVENT_ID,
    )


@pytest.fixture
def admin() -> Admin:
    return Admin()


@pytest.fixture
def server(tmp_path: Path, admin: Admin):
    with serving(tmp_path, post_api_enrol=admin) as server:
        yield server


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "door"


def code_of(server: FakeServer, *, pin: bytes | None = None) -> str:
    return EnrolmentCode(server.host, server.port, pin or server.spki_sha256, TOKEN).text()


def run(directory: Path, code: str, **options: object):
    messages: list[str] = []
    options = {"wait_s": 60.0, "poll_s": 0.02, **options}
    return enrol(directory, code, say=messages.append, **options), messages


def test_it_works(server: FakeServer, admin: Admin, directory: Path) -> None:
    identity, messages = run(directory, code_of(server))
    assert (identity.kiosk, identity.generation) == (KIOSK, GENERATION)
    assert load_identity(directory) == identity
    key = load_key(directory)
    assert six_words(key.public.raw, TOKEN) in messages[0]
    assert admin.keys == [key.public.raw] * 2
    with Journal(directory / "journal.db", KIOSK, GENERATION, key, must_exist=True) as journal:
        assert journal.state().last_seq == 0
    assert {path.name for path in directory.iterdir()} == {
        "identity.json", "journal.db", "kiosk.key", "lock",
    }  # fmt: skip


def test_its_secrets_are_its_owner_s(server: FakeServer, directory: Path) -> None:
    run(directory, code_of(server))
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    for name in ("kiosk.key", "identity.json"):
        assert stat.S_IMODE((directory / name).stat().st_mode) == 0o600


@pytest.mark.parametrize("code", ["", "HKE1.AAAA", "HKE1.!!.host:1", "https://host/"])
def test_no_code(directory: Path, code: str) -> None:
    with pytest.raises(EnrolError, match="begins with HKE1"):
        run(directory, code)
    assert not directory.exists()


@pytest.mark.parametrize("refusal", ["wrong_code", "code_expired"])
def test_a_code_that_the_server_refuses(server: FakeServer, directory: Path, refusal: str) -> None:
    server.routes["POST", "/api/enrol"] = lambda request: error_reply(401, refusal)
    with pytest.raises(EnrolError, match=f"no: {refusal}"):
        run(directory, code_of(server))
    assert not (directory / "identity.json").exists()
    assert len(server.requests) == 1


def test_a_code_that_expires_while_waiting(
    server: FakeServer, admin: Admin, directory: Path
) -> None:
    admin.confirm_at = 99
    replies = iter([admin, lambda request: error_reply(401, "code_expired")])
    server.routes["POST", "/api/enrol"] = lambda request: next(replies)(request)
    with pytest.raises(EnrolError, match="code_expired"):
        run(directory, code_of(server))


def test_another_server_receives_nothing(server: FakeServer, directory: Path) -> None:
    with pytest.raises(EnrolError, match="not this kiosk's server"):
        run(directory, code_of(server, pin=bytes(32)))
    assert server.requests == []


def test_no_server(server: FakeServer, directory: Path) -> None:
    code = code_of(server)
    server.close()
    with pytest.raises(EnrolError, match="can't be reached .* Is the server running"):
        run(directory, code)


def test_an_interruption_while_waiting_is_reported_and_retried(
    server: FakeServer, admin: Admin, directory: Path
) -> None:
    replies = iter([admin, lambda request: error_reply(503, "busy", retry=True), admin])
    server.routes["POST", "/api/enrol"] = lambda request: next(replies)(request)
    _, messages = run(directory, code_of(server))
    assert "Trying again" in messages[1]


def test_without_confirmation_the_next_try_shows_the_same_words(
    server: FakeServer, admin: Admin, directory: Path
) -> None:
    admin.confirm_at = 99
    with pytest.raises(EnrolError, match="six words were not confirmed in time"):
        run(directory, code_of(server), wait_s=0.1)
    assert not (directory / "identity.json").exists()
    admin.confirm_at = 0
    run(directory, code_of(server))
    assert len(set(admin.keys)) == 1


def test_another_code_gets_another_key(server: FakeServer, admin: Admin, directory: Path) -> None:
    directory.mkdir()
    (directory / "enrolling.key").write_text(f"{'0' * 64} {'1' * 64}\n")
    run(directory, code_of(server))
    assert load_key(directory).seed.hex() != "1" * 64


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda answer, key: wire.EnrolAnswer(confirmed=True), "not signed"),
        (
            lambda answer, key: wire.EnrolAnswer(
                confirmed=True,
                identity=answer.identity,
                root_key=key_of("other").public.raw,
                event_id=EVENT_ID,
            ),
            "not signed",
        ),
        (
            lambda answer, key: wire.EnrolAnswer(
                confirmed=True,
                identity=signed_identity(key_of("somebody")),
                root_key=ROOT.public.raw,
                event_id=EVENT_ID,
            ),
            "another kiosk",
        ),
        (
            lambda answer, key: wire.EnrolAnswer(
                confirmed=True,
                identity=answer.identity,
                root_key=ROOT.public.raw,
                event_id=bytes(16),
            ),
            "another kiosk",
        ),
    ],
    ids=["empty", "another root", "another key", "another event"],
)
def test_an_answer_that_is_not_for_this_kiosk(
    server: FakeServer, admin: Admin, directory: Path, change, match: str
) -> None:
    admin.change = change
    with pytest.raises(EnrolError, match=match):
        run(directory, code_of(server))
    assert not (directory / "identity.json").exists()


class TestAgain:
    def test_an_enrolled_kiosk_stays_as_it_is(self, server: FakeServer, directory: Path) -> None:
        enrolled(directory)
        before = {path.name: path.read_bytes() for path in directory.iterdir()}
        with pytest.raises(EnrolError, match=f"holds kiosk {KIOSK} already.*--again"):
            run(directory, code_of(server))
        assert {path.name: path.read_bytes() for path in directory.iterdir()} == before
        assert server.requests == []

    def test_unless_it_is_asked_for_and_nothing_is_lost(
        self, server: FakeServer, directory: Path
    ) -> None:
        enrolled(directory)
        old = {name: (directory / name).read_bytes() for name in ("journal.db", "kiosk.key")}
        for number in (1, 2):
            _, messages = run(directory, code_of(server), again=True)
            assert f"earlier-{number}" in messages[-1]
        kept = directory / "earlier-1"
        assert {name: (kept / name).read_bytes() for name in old} == old
        assert load_key(directory).seed != load_key(kept).seed

    def test_the_new_kiosk_has_no_earlier_shift_and_direction(
        self, server: FakeServer, directory: Path
    ) -> None:
        enrolled(directory)
        shift = SupervisorFile(directory).change(lambda kept: replace(kept, shift_after=5))
        save_direction(directory, Direction.ENTRY, Direction.EXIT)
        run(directory, code_of(server), again=True)
        assert SupervisorFile(directory).kept == Kept()
        assert load_direction(directory, Direction.ENTRY) is Direction.ENTRY
        kept = directory / "earlier-1"
        assert SupervisorFile(kept).kept == shift
        assert load_direction(kept, Direction.ENTRY) is Direction.EXIT

    def test_a_refused_code_leaves_the_working_kiosk(
        self, server: FakeServer, directory: Path
    ) -> None:
        enrolled(directory)
        server.routes["POST", "/api/enrol"] = lambda request: error_reply(401, "wrong_code")
        with pytest.raises(EnrolError):
            run(directory, code_of(server), again=True)
        assert load_identity(directory).kiosk == KIOSK

    def test_not_under_a_running_kiosk(self, server: FakeServer, directory: Path) -> None:
        enrolled(directory)
        with locked(directory), pytest.raises(EnrolError, match="running"):
            run(directory, code_of(server), again=True)
        assert server.requests == []


def test_a_directory_that_can_t_be_one(server: FakeServer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EnrolError, match="is a file"):
        run(tmp_path / "file", code_of(server))
    with pytest.raises(EnrolError, match="can't be written"):
        run(tmp_path / "file" / "door", code_of(server))


def test_an_interrupted_move_goes_on(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the key would be apart from its identity, and nobody could send the scans."""
    enrolled(directory)
    names = {path.name for path in directory.iterdir()}
    rename = Path.rename

    def cut(path: Path, target: Path) -> Path:
        if path.name == "kiosk.key":
            raise OSError(5, "Input/output error")
        return rename(path, target)

    with monkeypatch.context() as power:
        power.setattr(Path, "rename", cut)
        with pytest.raises(OSError, match="Input"):
            move_aside(directory)
    move_aside(directory)
    assert {path.name for path in (directory / "earlier-1").iterdir()} == names

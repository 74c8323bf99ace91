"""Exports with confirmations of outsiders: verified by both programs, with findings."""

import importlib.util
import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from badges.credential.keys import PrivateKey
from badges.transparency.checkpoint import cosign
from badges.transparency.signed_note import verifier_key
from badges.transparency.witnessing import witness_key
from server.core.entry_log import checkpoints
from server.core.entry_log.checkpoints import Cosigned
from server.core.outgoing import posting
from server.core.outgoing.posting import Reply
from server.features.evidence.commands.verifying import check_stamps
from server.features.evidence.export import export
from server.features.evidence.selection import Selection
from server.features.evidence.verify import check
from server.features.evidence.witnesses.worker import Confirming
from tests.server.conftest import HOUR, MINUTE
from tests.server.features.evidence.test_fuzz import TURNS, draws, mutated
from tests.server.features.evidence.witnesses.conftest import NAME, World
from tests.server.features.evidence.witnesses.time_authority import TimeAuthority, make_root

FOREIGN = Path(__file__).parent.parent / "foreign.py"
OTHER = PrivateKey(b"another witness".ljust(32))


@pytest.fixture
def confirmed(world: World, time_authority: TimeAuthority) -> World:
    """Cosigned at 5, 25 and 45 entries, and stamped at 5 and 45, an hour later."""
    time_authority.answer = None
    shutil.copyfile(time_authority.ca, world.event.path / "tsa.pem")
    world.settings(time_authority=time_authority.url, time_authority_ca="tsa.pem")

    def send(url: str, *rest) -> Reply:
        return (posting.post if url == time_authority.url else world.send)(url, *rest)

    world.confirming = Confirming(
        world.event, world.database, world.log, lambda: world.now, send=send
    )
    world.round()
    world.act(20)
    world.round()
    world.act(20)
    world.round(HOUR)
    return world


def exported(world: World, name: str = "export", now: int | None = None) -> Path:
    out = world.event.path.parent / name
    with world.database.reading() as db:
        export(
            db, world.event, out, Selection(), now=now or world.now, progress=lambda at, of: None
        )
    return out


def verified(path: Path, authority: bytes | None = None, **options) -> tuple[list[str], list[str]]:
    """As `hallkeeper audit verify` does, which reads stamps by itself."""
    findings, notes = check(path, **options)
    if not findings:
        findings, more = check_stamps(path, authority)
        notes += more
    return findings, notes


def findings(path: Path, **options) -> list[str]:
    return verified(path, **options)[0]


def test_what_an_export_has(confirmed: World) -> None:
    out = exported(confirmed)
    mark = confirmed.asks.mark
    names = {file.relative_to(out).as_posix() for file in out.rglob("*") if file.is_file()}
    assert names >= {
        f"outside/{mark}", "stamp/0.note", "stamp/0.tsr", "stamp/1.note", "stamp/1.tsr",
        "stamp/ca.pem",
    }  # fmt: skip
    # The checkpoint itself bears the cosignature, where it is of the same size.
    assert (out / "checkpoint").read_text() == confirmed.cosigned.note
    keys = json.loads((out / "keys.json").read_text())
    assert keys["witnesses"] == [{"name": NAME, "key": confirmed.witness.key}]


def test_it_is_verified_and_told(confirmed: World, time_authority) -> None:
    out = exported(confirmed)
    wanted = {"witnesses": [confirmed.witness.key], "authority": time_authority.ca.read_bytes()}
    errors, notes = verified(out, **wanted)
    assert errors == []
    text = "\n".join(notes)
    assert "1 witnesses cosigned the first 45 entries of 45, at 2026-05-04" in text
    assert "2 time stamps, the newest over the first 45 entries by Harbour Time at 20" in text
    confirmed.act(2)
    errors, notes = verified(exported(confirmed, "later"), **wanted)
    assert errors == []
    assert "1 witnesses cosigned the first 45 entries of 47" in "\n".join(notes)


def test_witnesses_that_are_missing(confirmed: World) -> None:
    out = exported(confirmed)
    ours, other = confirmed.witness.key, witness_key("example.org/w2", OTHER.public)
    impostor = witness_key(NAME, OTHER.public)
    assert findings(out, witnesses=(ours, other), needed=1) == []
    (finding,) = findings(out, witnesses=(ours, other))
    assert finding == "2 witnesses are needed, and 1 cosigned it (example.org/w2)"
    assert findings(out, witnesses=(other,)) != []
    # Another key under the same name is another witness.
    assert findings(out, witnesses=(impostor,)) != []
    assert findings(out, witnesses=("nonsense",)) != []
    log = verifier_key(confirmed.log.name, confirmed.event.log_key.public)
    assert findings(out, witnesses=(log,)) != []


def test_a_witness_that_was_not_asked_for_long(confirmed: World) -> None:
    """Otherwise a holder of the log's key could stop asking while rewriting it."""
    confirmed.act(3)
    out = exported(confirmed, now=confirmed.now + 11 * MINUTE)
    (finding,) = findings(out, witnesses=(confirmed.witness.key,))
    assert finding.startswith("1 witnesses cosigned the first 45 entries of 48, at 2026-05-04")
    assert findings(out) == []


def rewritten(world: World) -> Path:
    """The log rewritten from entry 10 on, with everything that the server's own key can make."""
    world.alter("DELETE FROM leaf WHERE number >= 10")
    world.now += 1
    world.act(35)
    world.restart()
    return exported(world, "forged")


def test_a_log_that_was_rewritten(confirmed: World) -> None:
    """The true witness' checkpoint and the stamps contradict it."""
    path = rewritten(confirmed)
    (finding,) = findings(path, witnesses=(confirmed.witness.key,))
    assert finding.startswith("a fork: stamp/1.note, which is stamped,")
    confirmed.alter("DELETE FROM time_stamp")
    (finding,) = findings(exported(confirmed, "forged1"))
    assert finding.startswith(f"a fork: the checkpoint that witness {NAME} cosigned")
    # Without them in the export the witness is missed.
    confirmed.alter("DELETE FROM witness_cosignature")
    path = exported(confirmed, "forged2")
    assert findings(path) == []
    assert findings(path, witnesses=(confirmed.witness.key,)) == [
        f"1 witnesses are needed, and 0 cosigned it ({NAME})"
    ]


def test_cosignatures_that_were_forged(confirmed: World) -> None:
    note = confirmed.log.note(45)
    forged = note + cosign(OTHER, NAME, note, confirmed.now // 1000)
    kept = Cosigned(NAME, 45, forged, confirmed.now, confirmed.now)
    confirmed.database.write(lambda db: checkpoints.keep_cosigned(db, confirmed.log.name, kept))
    assert findings(exported(confirmed)) == [
        f"['{NAME}'] signed the checkpoint, which nobody can check"
    ]
    confirmed.act(1)
    assert findings(exported(confirmed, "later")) == [
        f"the checkpoint that witness {NAME} cosigned: its signature is wrong"
    ]


def altered(world: World, change: Callable[[], None]) -> Path:
    """An export by a holder of the log's key, after a change of the database."""
    change()
    return exported(world, "altered")


def test_stamps_that_are_none(confirmed: World, tmp_path: Path, time_authority) -> None:
    rows = "SELECT stamp_id, note, answer FROM time_stamp ORDER BY stamp_id"
    with confirmed.database.reading() as db:
        (number, note, answer), (_two, _, other) = db.execute(rows).fetchall()
    put = partial(confirmed.alter, "UPDATE time_stamp SET note = ?, answer = ? WHERE stamp_id = ?")
    # A stamp of another checkpoint of the same log.
    errors = findings(altered(confirmed, lambda: put(note, other, number)))
    assert errors == ["stamp/0.note: its stamp is of another checkpoint"]
    shutil.rmtree(confirmed.event.path.parent / "altered")
    # The right hash with an invalid signature, which comes last in the answer.
    broken = bytes(answer[:-1]) + bytes([answer[-1] ^ 1])
    (error,) = findings(altered(confirmed, lambda: put(note, broken, number)))
    assert error.startswith("stamp/0.note: its stamp does not hold")
    put(note, answer, number)
    # Another authority's certificate.
    make_root(tmp_path, "Harbour Root")
    errors = findings(exported(confirmed), authority=(tmp_path / "ca.pem").read_bytes())
    assert len(errors) == 1
    assert "does not hold" in errors[0]
    assert findings(exported(confirmed, "x"), authority=b"") != []
    confirmed.alter("DELETE FROM time_stamp")
    authority = time_authority.ca.read_bytes()
    assert findings(exported(confirmed, "y"), authority=authority) == [
        "there is no time stamp of this authority"
    ]


def test_without_the_authoritys_certificate(confirmed: World) -> None:
    """The settings' file is gone. The stamps are in the export all the same."""
    (confirmed.event.path / "tsa.pem").unlink()
    out = exported(confirmed)
    errors, notes = verified(out)
    assert errors == []
    assert "the authority's certificate is not here" in "\n".join(notes)


def test_the_one_file_names_the_command_of_openssl(confirmed: World, time_authority) -> None:
    """The command works in the export's folder, and refuses an altered checkpoint."""
    out = exported(confirmed)
    done = subprocess.run(
        [sys.executable, "verify.py", "."], cwd=out, capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    (command,) = [line.strip() for line in lines if line.strip().startswith("openssl ")]
    assert lines[-1] == "VERIFIED"
    assert command == ("openssl ts -verify -data stamp/1.note -in stamp/1.tsr -CAfile stamp/ca.pem")

    def run(text: str) -> tuple[int, str]:
        done = subprocess.run(shlex.split(text), cwd=out, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    status, output = run(command)
    assert (status, "Verification: OK" in output) == (0, True)
    assert "Time stamp: " in run("openssl ts -reply -in stamp/1.tsr -text")[1]
    (out / "stamp/1.note").write_bytes((out / "stamp/0.note").read_bytes())
    assert run(command)[0] != 0


def test_the_one_file_wants_witnesses_too(confirmed: World) -> None:
    out = exported(confirmed)
    for key, status in ((confirmed.witness.key, 0), (witness_key("x", OTHER.public), 1)):
        command = [sys.executable, "verify.py", ".", "--witness", key]
        assert subprocess.run(command, cwd=out, capture_output=True).returncode == status
    command += ["--witness", confirmed.witness.key, "--needed", "1"]
    assert subprocess.run(command, cwd=out, capture_output=True).returncode == 0


def test_another_verifier_reads_a_witness(confirmed: World) -> None:
    """By aics-tlog, which others wrote: the checkpoint of the witness, and our export's."""
    if importlib.util.find_spec("aics_tlog") is None:
        pytest.skip("aics-tlog is not here: it needs Python 3.12")
    confirmed.act(3)
    out = exported(confirmed)
    key = verifier_key(confirmed.log.name, confirmed.event.log_key.public)
    file = out / "outside" / confirmed.asks.mark
    command = [sys.executable, "-I", FOREIGN, out, key, file, confirmed.witness.key]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    report = json.loads(done.stdout)
    assert (report["size"], report["cosigned"], report["consistent"]) == (48, True, True)
    command[-1] = witness_key(NAME, OTHER.public)
    done = subprocess.run(command, capture_output=True, text=True)
    assert not json.loads(done.stdout)["cosigned"]


def test_a_log_of_another_name_is_not_confirmed_by_old_ones(confirmed: World) -> None:
    """A restored server's log inherits no confirmation."""
    confirmed.event = replace(confirmed.event, incarnation=2)
    out = exported(confirmed)
    assert not (out / "outside").exists()
    assert not list(out.glob("stamp/*.note"))
    assert findings(out) == []


def test_altered_files_are_refused(confirmed: World) -> None:
    """As in tests/server/features/evidence/test_fuzz.py, with the files of others outside."""
    out = exported(confirmed)
    names = [*sorted(out.glob("outside/*")), *sorted(out.glob("stamp/*"))]
    for draw in draws(TURNS):
        file = draw.choice(names)
        whole = file.read_bytes()
        file.write_bytes(mutated(draw, whole))
        assert findings(out)
        file.write_bytes(whole)
    assert findings(out) == []


def test_altered_by_who_can_sign_anew(confirmed: World, time_authority) -> None:
    """A holder of the log's key makes a new manifest. Others' altered signatures are found."""
    wanted = {"witnesses": (confirmed.witness.key,), "authority": time_authority.ca.read_bytes()}
    with confirmed.database.reading() as db:
        (note,) = db.execute("SELECT note FROM witness_cosignature").fetchone()
        (answer,) = db.execute("SELECT answer FROM time_stamp WHERE stamp_id = 2").fetchone()
    true = verified(exported(confirmed), **wanted)
    assert true[0] == []
    for number, draw in enumerate(draws(30)):
        if number % 2:
            # PostgreSQL keeps no NUL in a text.
            changed = mutated(draw, note.encode()).decode(errors="replace").replace("\0", "~")
            confirmed.alter("UPDATE witness_cosignature SET note = ?", changed)
        else:
            changed = mutated(draw, bytes(answer))
            confirmed.alter("UPDATE time_stamp SET answer = ? WHERE stamp_id = 2", changed)
        path = exported(confirmed, f"fuzz{number}")
        errors, notes = verified(path, **wanted)
        assert errors or notes == true[1], changed
        confirmed.alter("UPDATE witness_cosignature SET note = ?", note)
        confirmed.alter("UPDATE time_stamp SET answer = ? WHERE stamp_id = 2", answer)

"""Exports the entry log as evidence for outsiders, streamed to a folder or a zip.

docs/entry-log.md describes each file.
"""

import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from badges.credential.keys import PrivateKey, PublicKey
from badges.transparency import signed_note
from badges.transparency.checkpoint import Checkpoint, sign_checkpoint, witness_name
from badges.transparency.witnessing import witness_key
from server.core.entry_log import checkpoints, cosignatures
from server.core.event.directory import Event, load_event
from server.core.venue.names import names_now
from server.features.evidence import records
from server.features.evidence.papers import court as courts
from server.features.evidence.papers import readme
from server.features.evidence.selection import Selection
from server.features.evidence.tiles import TileWriter
from server.features.evidence.witnesses import asking, stamps
from server.storage.connection import Connection
from server.storage.engines.durable import make_durable
from server.storage.opening import connect_to_read
from server.storage.transactions import one_state

EXPORT_CONTEXT = "hallkeeper/log-export/v1"
VERIFIER = Path(__file__).with_name("verify.py")
RECEIPT_VERIFIER = Path(__file__).with_name("verify_receipt.py")
_TELL_EVERY = 5_000  # Entries
_NAMED_MAX = 10


class ExportError(Exception):
    """Nothing was exported. The text gives the reason."""


@dataclass(frozen=True)
class Exported:
    """A summary. `altered` are the numbers of entries that do not match their hash."""

    size: int
    shown: int
    root: bytes
    key: str
    altered: tuple[int, ...]


def export(
    db: Connection,
    event: Event,
    out: Path,
    selection: Selection,
    *,
    now: int,
    progress: Callable[[int, int], None],
    court: bool = False,
) -> Exported:
    """Write the log to `out`, a new folder, or a zip if so named. `court` adds a folder for courts.

    Raises ExportError or DamagedLogError, and then leaves nothing behind.
    """
    if out.exists():
        raise ExportError(f"{out} is there already. Name a new folder or zip.")
    if not out.absolute().parent.is_dir():
        raise ExportError(f"{out} can't be written: there is no folder {out.parent}.")
    partial = out.with_name(f".{out.name}.part")
    with ExitStack() as undo:
        undo.callback(_remove, partial)
        _remove(partial)
        try:
            with one_state(db), _Target(partial, zipped=out.suffix.lower() == ".zip") as target:
                done = _Export(db, event, target, selection, now).write(progress, court=court)
            # The export's checkpoint is signed, so its leaves must not be lost.
            make_durable(db)
            partial.replace(out)
        except OSError as error:
            raise ExportError(f"{out} can't be written: {error.strerror or error}.") from None
    return done


def export_beside(
    _: Connection, *, event_dir: Path, out: Path, chosen: Selection, now: int, court: bool
) -> None:
    event = load_event(event_dir)
    with closing(connect_to_read(event.database_path)) as db:
        export(db, event, out, chosen, now=now, progress=lambda at, of: None, court=court)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


class _Target:
    """Writes files into a folder or a zip. `records.txt` is streamed."""

    def __init__(self, path: Path, *, zipped: bool) -> None:
        self._spool = path.with_name(f"{path.name}.records") if zipped else path / "records.txt"
        self._path = path
        self._zip: zipfile.ZipFile | None = None
        if zipped:
            self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_STORED)
        else:
            path.mkdir(parents=True)
        self._made: set[Path] = set()
        self.records: IO[bytes] = self._spool.open("wb")
        self._hash = hashlib.sha256()

    def __enter__(self) -> "_Target":
        return self

    def __exit__(self, *_: object) -> None:
        with ExitStack() as stack:  # Any may fail on a full disk; the others still run.
            if self._zip is not None:
                stack.callback(self._spool.unlink, missing_ok=True)
                stack.callback(self._zip.close)
            stack.callback(self.records.close)

    def line(self, line: bytes) -> None:
        self.records.write(line)
        self._hash.update(line)

    def end_records(self) -> str:
        self.records.close()
        if self._zip is not None:
            self._zip.write(self._spool, "records.txt", zipfile.ZIP_DEFLATED, compresslevel=1)
        return self._hash.hexdigest()

    def write(self, name: str, data: bytes) -> None:
        if self._zip is not None:
            self._zip.writestr(zipfile.ZipInfo(name), data)
            return
        path = self._path / name
        if path.parent not in self._made:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._made.add(path.parent)
        path.write_bytes(data)


class _Export:
    def __init__(
        self, db: Connection, event: Event, target: _Target, selection: Selection, now: int
    ) -> None:
        self._db = db
        self._event = event
        self._target = target
        self._selection = selection
        self._now = now
        self._sums: dict[str, str] = {}

    def write(self, progress: Callable[[int, int], None], *, court: bool) -> Exported:
        (of,) = self._db.execute("SELECT COUNT(*) FROM leaf").fetchone()
        if not of:
            raise ExportError("the entry log is empty, and there is nothing to export.")
        tiles = TileWriter(self._target.write)
        shown = 0
        altered: list[int] = []
        for leaf in records.leaves(self._db, self._selection):
            tiles.add(leaf.digest, leaf.entry)
            if leaf.line is not None:
                self._target.line(leaf.line)
            shown += leaf.is_shown
            if not leaf.is_true and len(altered) < _NAMED_MAX:
                altered.append(leaf.number)
            if leaf.number % _TELL_EVERY == 0:
                progress(leaf.number, of)
        root = tiles.end()
        self._sums["records.txt"] = self._target.end_records()
        name, key = self._event.log_name, self._event.log_key
        note = sign_checkpoint(key, name, Checkpoint(name, tiles.size, root))
        note = checkpoints.cosigned_note(self._db, name, note)
        self._target.write("checkpoint", note.encode())
        self._write_beside(tiles.size)
        if court:
            self._write_court(tiles.size, root)
        self._write_manifest(tiles.size, tiles.left_out)
        progress(of, of)
        vkey = signed_note.verifier_key(name, key.public)
        return Exported(tiles.size, shown, root, vkey, tuple(altered))

    def _write_beside(self, size: int) -> None:
        self._put("keys.json", _json(self._keys()))
        names = {"event": self._event.settings.name, **names_now(self._db)}
        self._put("names.json", _json(names))
        self._put("verify.py", VERIFIER.read_bytes())
        vkey = signed_note.verifier_key(self._event.log_name, self._event.log_key.public)
        called, text = self._event.settings.name, self._selection.text
        self._put("README.txt", readme.text(called, size=size, selection=text, key=vkey).encode())
        for kept in cosignatures.all_kept(self._db):
            self._put(f"witness/{kept.kiosk}-{kept.generation}", kept.note.encode())
        self._write_outside()

    def _write_outside(self) -> None:
        """Write the outside confirmations, with their keys and certificates.

        Verifiers should get those keys separately.
        """
        marks = {witness.name: witness.mark for witness in asking.witnesses(self._event.settings)}
        for kept in checkpoints.cosigned(self._db, self._event.log_name):
            if kept.witness in marks:
                self._put(f"outside/{marks[kept.witness]}", kept.note.encode())
        for number, stamp in enumerate(stamps.stamps(self._db, self._event.log_name)):
            self._put(f"stamp/{number}.note", stamp.note.encode())
            self._put(f"stamp/{number}.tsr", stamp.answer)
        named = self._event.settings.time_authority_ca
        try:
            if named is not None:
                self._put("stamp/ca.pem", (self._event.path / named).read_bytes())
        except OSError:
            pass  # Stamps are written anyway; the board reports the missing file.

    def _write_court(self, size: int, root: bytes) -> None:
        name, key = self._event.log_name, self._event.log_key.public
        kinds = [file.partition("/")[0] for file in self._sums]
        values = {
            "event": " / ".join(self._event.settings.name.values()),
            "size": size,
            "root": root.hex(),
            "selection": self._selection.text,
            "key": signed_note.verifier_key(name, key),
            "kiosks": kinds.count("witness"),
            "witnesses": kinds.count("outside"),
            "stamps": sum(file.endswith(".tsr") for file in self._sums),
        }
        for file, data in courts.files(values, self._sums).items():
            self._put(file, data)

    def _put(self, name: str, data: bytes) -> None:
        self._target.write(name, data)
        self._sums[name] = hashlib.sha256(data).hexdigest()

    def _keys(self) -> dict[str, object]:
        rows = self._db.execute(
            "SELECT kiosk, generation, public_key, state FROM kiosk"
            " WHERE public_key IS NOT NULL AND state IN ('active', 'retired', 'fenced')"
            " ORDER BY kiosk, generation"
        )
        kiosks = [
            {
                "kiosk": row["kiosk"],
                "generation": row["generation"],
                "key": row["public_key"].hex(),
                "state": row["state"],
                "witness": witness_key(
                    witness_name(self._event.log_name, row["kiosk"], row["generation"]),
                    PublicKey(row["public_key"]),
                ),
            }
            for row in rows
        ]
        public = self._event.log_key.public.raw.hex()
        witnesses = [
            {"name": witness.name, "key": witness.key}
            for witness in asking.witnesses(self._event.settings)
        ]
        return {
            "log": {"name": self._event.log_name, "key": public},
            "kiosks": kiosks,
            "witnesses": witnesses,
        }

    def _write_manifest(self, size: int, left_out: list[str]) -> None:
        name, key = self._event.log_name, self._event.log_key
        lines = [EXPORT_CONTEXT, name, str(size), self._selection.text, str(self._now)]
        lines += [f"{digest} {file}" for file, digest in sorted(self._sums.items())]
        lines += [f"- {file}" for file in left_out]
        self._target.write("manifest", sign_manifest(key, name, lines).encode())


def sign_manifest(key: PrivateKey, name: str, lines: list[str]) -> str:
    text = "".join(f"{line}\n" for line in lines)
    mark = signed_note.key_id(name, signed_note.ED25519, key.public)
    return f"{text}\n{signed_note.signature_line(name, mark, key.sign(text.encode()))}"


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n"

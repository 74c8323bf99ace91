"""Enrols a phone: presents its code until an admin has compared six words."""

import asyncio
import hashlib
import logging
import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from hallkeeper_js import keys
from msgspec import structs
from pyodide.ffi import JsNull, to_js

from badges.credential.keys import PrivateKey
from badges.wire.enrolment import EnrolmentCode, parse_code, six_words
from kiosk.browser.kept_files import KeptFiles
from kiosk.browser.network import Network
from kiosk.config.files import JOURNAL_FILE
from kiosk.config.identity import KioskIdentity, save_identity
from kiosk.journal import schema
from kiosk.journal.errors import JournalError
from kiosk.journal.journal import Journal
from kiosk.steps import run_later
from kiosk.sync.enrolment import EnrolError, enrol_request, identity_of, with_number
from kiosk.sync.protocol import TransportError

log = logging.getLogger(__name__)

POLL_S = 1.0


async def enrol(
    directory: Path, files: KeptFiles, code_text: str, *, on_words: Callable[[str], None]
) -> None:
    """Enrol the phone. `on_words` gets the six words.

    The identity is stored last. Raises EnrolError or EnrolmentCodeError.
    """
    code = parse_code(code_text)
    pending = f"code {hashlib.sha256(code.token).hexdigest()}"
    key = await load_key(pending)
    if key is None:
        key = PrivateKey(secrets.token_bytes(32))
        await keys.save(pending, to_js(key.seed))
    on_words(six_words(key.public.raw, code.token))
    identity = await _confirmed(code, key)
    own = await _new_directory(directory, identity, key)
    await keys.save(key_name(own), to_js(key.seed))
    own.mkdir(parents=True, exist_ok=True)
    Journal(
        own / JOURNAL_FILE,
        identity.kiosk,
        identity.generation,
        key,
        pragmas=schema.without_wal(schema.PRAGMAS),
    ).close()
    save_identity(directory, identity, files.write)
    await keys.forget(pending)


async def load_key(name: str) -> PrivateKey | None:
    seed: Any = await keys.load(name)
    return None if seed is None or isinstance(seed, JsNull) else PrivateKey(bytes(seed.to_py()))


def own_directory(directory: Path, identity: KioskIdentity) -> Path:
    """The directory of this enrolment's databases. Its name ends with the event if another event's
    kiosk of the same name was there before.
    """
    plain = directory / f"{identity.kiosk}-{identity.generation}"
    named = plain.with_name(f"{plain.name}.{identity.identity.event_id.hex()[:8]}")
    return named if named.is_dir() else plain


async def _new_directory(directory: Path, identity: KioskIdentity, key: PrivateKey) -> Path:
    """A directory without an earlier journal, which has another key."""
    own = own_directory(directory, identity)
    kept = await load_key(key_name(own))
    if kept is None or kept.seed == key.seed or "." in own.name:
        return own
    (directory / f"{own.name}.{identity.identity.event_id.hex()[:8]}").mkdir()
    return own_directory(directory, identity)


def key_name(own: Path) -> str:
    """The name of the key of the enrolment in this directory."""
    name, _, event = own.name.partition(".")
    kiosk, _, generation = name.rpartition("-")
    return f"kiosk {kiosk}/{generation}" + (f"/{event}" if event else "")


async def earlier_enrolments(
    directory: Path, identity: KioskIdentity
) -> list[tuple[Path, KioskIdentity, PrivateKey]]:
    """Directory, name and key of each earlier enrolment that is still on this phone.

    Its identity's other fields are the present one's, because the server is the same.
    """
    earlier = []
    present = own_directory(directory, identity)
    for own in [path for path in directory.iterdir() if path.is_dir() and path != present]:
        kiosk, _, generation = own.name.partition(".")[0].rpartition("-")
        named = structs.replace(identity.identity, kiosk=kiosk, generation=int(generation))
        key = await load_key(key_name(own))
        if key is not None:
            earlier.append((own, replace(identity, identity=named), key))
    return earlier


async def forget_earlier(directory: Path, files: KeptFiles, identity: KioskIdentity) -> None:
    """Delete what earlier enrolments left on this phone, unless they have scans that were not
    sent.
    """
    for own, enrolment, key in await earlier_enrolments(directory, identity):
        try:
            if _waiting(own / JOURNAL_FILE, enrolment, key) == 0:
                files.forget(own)
                await keys.forget(key_name(own))
        except (OSError, JournalError) as error:
            log.warning("%s is kept: %s", own.name, error)


def _waiting(path: Path, identity: KioskIdentity, key: PrivateKey) -> int:
    """Its scans that the server has not acknowledged. Raises JournalError."""
    pragmas = schema.without_wal(schema.PRAGMAS)
    with Journal(
        path, identity.kiosk, identity.generation, key,
        must_exist=True, check=False, pragmas=pragmas,
    ) as journal:  # fmt: skip
        return journal.state().waiting


async def _confirmed(code: EnrolmentCode, key: PrivateKey) -> KioskIdentity:
    network = Network()
    request = enrol_request(code, key, device="phone")
    while True:
        try:
            answer: Any = await network.send(request)
            if answer.confirmed:
                identity = identity_of(code, key, answer)
                return await run_later(with_number(identity), network.send)
        except TransportError as error:
            if error.permanent:
                raise EnrolError(str(error)) from None
        await asyncio.sleep(POLL_S)

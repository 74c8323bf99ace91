"""Enrols a kiosk: presents its code until an admin has compared six words.

Nothing in the directory changes before the admin has confirmed. Earlier files are moved aside,
never deleted, because an earlier journal may have scans that no server has.
"""

import hashlib
import re
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path

from badges.credential.keys import PrivateKey
from badges.wire import wire
from badges.wire.enrolment import EnrolmentCode, EnrolmentCodeError, parse_code, six_words
from badges.wire.wire import ErrorCode
from kiosk.config.files import (
    DIRECTION_FILE,
    IDENTITY_FILE,
    JOURNAL_FILE,
    KEY_FILE,
    REPLICA_FILE,
    SUPERVISOR_FILE,
    ConfigError,
    load_servers,
    locked,
    write_whole,
)
from kiosk.config.identity import (
    KioskIdentity,
    load_identity,
    save_identity,
    save_key,
)
from kiosk.earlier import PREFIX, send_waiting, waiting_in
from kiosk.journal.errors import JournalError
from kiosk.journal.journal import Journal
from kiosk.steps import run
from kiosk.sync.enrolment import EnrolError, enrol_request, identity_of, with_number
from kiosk.sync.protocol import ConnectionFault, TransportError, send
from kiosk.sync.transport import Transport

POLL_S = 1.0
PENDING_FILE = "enrolling.key"


def enrol(
    directory: Path,
    code_text: str,
    *,
    say: Callable[[str], None],
    again: bool = False,
    wait_s: float = 15 * 60,
    poll_s: float = POLL_S,
    on_words: Callable[[str], None] = lambda words: None,
    stop: threading.Event | None = None,
) -> KioskIdentity:
    """Enrol the kiosk in `directory`. `say` gets the six words with what to do, and progress;
    `on_words` the words alone. `stop` ends the wait for the admin.

    Raises EnrolError.
    """
    try:
        code = parse_code(code_text)
        check_free(directory, again=again)
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(directory):
            key = _pending_key(directory, code)
            if (directory / IDENTITY_FILE).exists():
                _send_rest(directory, say)
            words = six_words(key.public.raw, code.token)
            on_words(words)
            say(
                f"Six words: {words}\n"
                "Compare them with the kiosk's page on the server. If they agree, an admin "
                "confirms there."
            )
            answer = _wait_for_admin(
                code, key, wait_s=wait_s, poll_s=poll_s, say=say, stop=stop or threading.Event()
            )
            identity = _know_number(code, identity_of(code, key, answer))
            _settle(directory, identity, key, say)
    except EnrolmentCodeError as error:
        raise EnrolError(str(error), "bad_code") from None
    except ConfigError as error:
        raise EnrolError(str(error)) from None
    except OSError as error:
        raise EnrolError(f"{directory} can't be written ({error.strerror}).") from None
    return identity


def check_free(directory: Path, *, again: bool = False) -> None:
    """Raises EnrolError if it holds a kiosk, unless `again`."""
    if directory.exists() and not directory.is_dir():
        raise EnrolError(f"{directory} is a file; name a directory for the kiosk.")
    if again or not (directory / IDENTITY_FILE).exists():
        return
    kiosk = load_identity(directory).kiosk
    raise EnrolError(
        f"{directory} holds kiosk {kiosk} already. To enrol it anew, add --again: its "
        "scans are kept beside the new ones. For a second kiosk name another --dir."
    )


def _send_rest(directory: Path, say: Callable[[str], None]) -> None:
    """Send what the present enrolment still holds, if its server answers. Enrolling again is also
    the remedy for damaged files, so nothing here stops it.
    """
    try:
        send_waiting(directory, server=load_identity(directory), servers=load_servers(directory))
    except (ConfigError, JournalError, TransportError) as error:
        say(f"The scans of this kiosk could not all be sent: {error}")


def _what_waits(aside: Path) -> str:
    try:
        waiting = waiting_in(aside)
    except (ConfigError, JournalError) as error:
        return f"Its scans can't be read: {error}"
    return f"{waiting} scans in it wait: the kiosk sends them once it runs." if waiting else ""


def _pending_key(directory: Path, code: EnrolmentCode) -> PrivateKey:
    """The key for this code; the same one after an interrupted attempt."""
    path = directory / PENDING_FILE
    mark = hashlib.sha256(code.token).hexdigest()
    if path.exists():
        earlier, _, seed = path.read_text(errors="replace").strip().partition(" ")
        if earlier == mark and re.fullmatch("[0-9a-f]{64}", seed):
            return PrivateKey(bytes.fromhex(seed))
    key = PrivateKey(secrets.token_bytes(32))
    write_whole(path, f"{mark} {key.seed.hex()}\n".encode())
    return key


def _wait_for_admin(
    code: EnrolmentCode,
    key: PrivateKey,
    *,
    wait_s: float,
    poll_s: float,
    say: Callable[[str], None],
    stop: threading.Event,
) -> wire.EnrolAnswer:
    request = enrol_request(code, key)
    transport = Transport(code)
    deadline = time.monotonic() + wait_s
    heard = False
    try:
        while True:
            try:
                answer: wire.EnrolAnswer = send(transport, request)
                if answer.confirmed:
                    return answer
                heard = True
            except TransportError as error:
                if error.permanent or not heard:
                    raise _failed(error) from None
                say(f"{error} Trying again.")
            if time.monotonic() + poll_s > deadline:
                raise EnrolError(
                    "The six words were not confirmed in time. Ask the admin, and run the same "
                    "command again: the code is good for 15 minutes.",
                    "unconfirmed",
                )
            if stop.wait(poll_s):
                raise EnrolError("The enrolment was stopped.")
    finally:
        transport.close()


def _failed(error: TransportError) -> EnrolError:
    if error.code == ConnectionFault.WRONG_SERVER:
        remedy = "Check the code, and the network that this kiosk is in."
        return EnrolError(f"{error} {remedy}", "no_server")
    if error.code in (ErrorCode.WRONG_CODE, ErrorCode.CODE_EXPIRED):
        return EnrolError(str(error), "bad_code")
    remedy = "Is the server running, and is this kiosk in its network?"
    return EnrolError(f"{error} {remedy}", "no_server")


def _know_number(code: EnrolmentCode, identity: KioskIdentity) -> KioskIdentity:
    transport = Transport(code)
    try:
        return run(with_number(identity), lambda request: send(transport, request))
    finally:
        transport.close()


def _settle(
    directory: Path, identity: KioskIdentity, key: PrivateKey, say: Callable[[str], None]
) -> None:
    """Write the new kiosk's files, the identity last. Until then there is no kiosk."""
    aside = move_aside(directory)
    if aside is not None:
        say(f"Earlier files are kept in {aside}. {_what_waits(aside)}".strip())
    save_key(directory, key)
    journal = Journal(directory / JOURNAL_FILE, identity.kiosk, identity.generation, key)
    journal.close()
    save_identity(directory, identity)
    (directory / PENDING_FILE).unlink()


def move_aside(directory: Path) -> Path | None:
    """Move an earlier kiosk's files to a directory of their own, the identity first. A move that
    was interrupted goes on.
    """
    names = (IDENTITY_FILE, KEY_FILE, SUPERVISOR_FILE, DIRECTION_FILE)
    files = [directory / name for name in names]
    for name in (JOURNAL_FILE, REPLICA_FILE):
        files += sorted(directory.glob(f"{name}*"))
    present = [path for path in files if path.exists()]
    if not present:
        return None
    aside = _place_aside(directory)
    aside.mkdir(mode=0o700, exist_ok=True)
    for path in present:
        path.rename(aside / path.name)
    return aside


def _place_aside(directory: Path) -> Path:
    number = 1
    while (aside := directory / f"{PREFIX}{number}").exists():
        is_half_moved = (aside / IDENTITY_FILE).exists() and not (aside / JOURNAL_FILE).exists()
        if is_half_moved and not (directory / IDENTITY_FILE).exists():
            break
        number += 1
    return aside

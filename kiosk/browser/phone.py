"""Starts a phone as a door, and enrols it first if need be."""

import asyncio
import logging
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import msgspec
from hallkeeper_js import post

from badges.wire.enrolment import EnrolmentCodeError
from kiosk.browser.door import PhoneDoor
from kiosk.browser.enrol import (
    earlier_enrolments,
    enrol,
    forget_earlier,
    key_name,
    load_key,
    own_directory,
)
from kiosk.browser.kept_files import KeptFiles
from kiosk.config.files import ConfigError
from kiosk.config.identity import NotEnrolledError, load_identity
from kiosk.journal.errors import JournalDamagedError, JournalError, JournalMissingError
from kiosk.sync.enrolment import EnrolError
from kiosk.sync.protocol import TransportError
from kiosk.texts.catalogue import each
from kiosk.texts.messages import Code, Message, in_language

log = logging.getLogger(__name__)

DIRECTORY = Path("/phone")
EARLIER_S = 30.0  # between attempts to send the scans of an earlier enrolment


class KeyMissingError(Exception):
    pass


class Phone:
    """`receive` gets each message of the page, as JSON. `run` goes on until the page ends."""

    def __init__(self) -> None:
        self._messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.files = KeptFiles(DIRECTORY)

    def receive(self, message: str) -> None:
        self._messages.put_nowait(msgspec.json.decode(message))

    async def run(self) -> None:
        start = await self._started()
        while True:
            # The files' address ends with their version.
            version = start["files"].rstrip("/").rpartition("/")[2]
            try:
                if code := start.get("code"):
                    await self._send_rest(version)
                    await enrol(DIRECTORY, self.files, code, on_words=_show_words)
                door = await _opened(self.files, version)
            except NotEnrolledError:
                _need("code")
            except (EnrolError, EnrolmentCodeError) as error:
                log.warning("not enrolled: %s", error)
                if await _is_door():
                    start = {**start, "code": None, "refused": True}
                    continue
                _need("new_code")
            except KeyMissingError:
                _need("new_code", Message(Code.KEY_MISSING))
            except (JournalDamagedError, JournalMissingError) as error:
                log.warning("%s", error)
                _need("new_code", Message(Code.PHONE_JOURNAL))
            except JournalError as error:
                _need("storage", error.message)
            else:
                # Staff who opened the code must not take this for the new door.
                refused = Message(Code.NEW_CODE_REFUSED) if start.get("refused") else None
                start = await self._run(door, version, refused)
                continue
            start = await self._started()

    async def _run(self, door: PhoneDoor, version: str, trouble: Message | None) -> dict[str, Any]:
        """Run the door until another code comes. Returns that `start`."""
        sending = asyncio.ensure_future(self._send_earlier(version))
        try:
            return await door.run(self._messages, trouble)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def _send_rest(self, version: str) -> None:
        """Send what the present enrolment has not sent. The rest follows beside the next door."""
        try:
            door = await _opened(self.files, version)
        except (NotEnrolledError, KeyMissingError, JournalError):
            return
        try:
            with suppress(TransportError, JournalError):
                await door.send_rest()
        finally:
            door.close()

    async def _send_earlier(self, version: str) -> None:
        """Return the free places of earlier enrolments, send their scans under their own names,
        then forget them.

        An enrolment whose scans the server refuses is kept. The next start tries it again.
        """
        present = load_identity(DIRECTORY)
        for own, identity, key in await earlier_enrolments(DIRECTORY, present):
            try:
                # It stays open between attempts, because its journal is checked when it opens.
                with closing(PhoneDoor(own, self.files, identity, key, version)) as door:
                    while not await door.send_rest(leave=True):
                        await asyncio.sleep(EARLIER_S)
            except (TransportError, JournalError) as error:
                log.warning("%s is kept: %s", own.name, error)
        await forget_earlier(DIRECTORY, self.files, present)

    async def _started(self) -> dict[str, Any]:
        """The next `start`. Other messages concern a door that is not open."""
        while True:
            message = await self._messages.get()
            if message["type"] == "start":
                return message


async def _opened(files: KeptFiles, version: str) -> PhoneDoor:
    """Raises NotEnrolledError, KeyMissingError or JournalError."""
    identity = load_identity(DIRECTORY)
    own = own_directory(DIRECTORY, identity)
    key = await load_key(key_name(own))
    if key is None:
        raise KeyMissingError
    return PhoneDoor(own, files, identity, key, version)


async def _is_door() -> bool:
    try:
        own = own_directory(DIRECTORY, load_identity(DIRECTORY))
        return await load_key(key_name(own)) is not None
    except ConfigError:
        return False


def _show_words(words: str) -> None:
    post(msgspec.json.encode({"type": "words", "six": words}).decode())


def _need(what: str, message: Message | None = None) -> None:
    texts = None if message is None else each(lambda language: in_language(language, message))
    post(msgspec.json.encode({"type": "need", "what": what, "message": texts}).decode())

"""Starts a phone as a door, and enrols it first if need be."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import msgspec
from hallkeeper_js import post

from badges.wire.enrolment import EnrolmentCodeError
from kiosk.browser.door import PhoneDoor
from kiosk.browser.enrol import enrol, key_name, load_key, own_directory
from kiosk.browser.kept_files import KeptFiles
from kiosk.config.identity import NotEnrolledError, load_identity
from kiosk.journal.errors import JournalError
from kiosk.sync.enrolment import EnrolError
from kiosk.texts.catalogue import each
from kiosk.texts.messages import Code, Message, in_language

log = logging.getLogger(__name__)

DIRECTORY = Path("/phone")


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
            try:
                if code := start.get("code"):
                    await enrol(DIRECTORY, self.files, code, on_words=_show_words)
                # The files' address ends with their version.
                door = await _opened(self.files, start["files"].rstrip("/").rpartition("/")[2])
            except NotEnrolledError:
                _need("code")
            except (EnrolError, EnrolmentCodeError) as error:
                log.warning("not enrolled: %s", error)
                _need("new_code")
            except KeyMissingError:
                _need("new_code", Message(Code.KEY_MISSING))
            except JournalError as error:
                _need("storage", error.message)
            else:
                start = await door.run(self._messages)
                continue
            start = await self._started()

    async def _started(self) -> dict[str, Any]:
        """The next `start`. Other messages concern a door that is not open."""
        while True:
            message = await self._messages.get()
            if message["type"] == "start":
                return message


async def _opened(files: KeptFiles, version: str) -> PhoneDoor:
    """Raises NotEnrolledError, KeyMissingError or JournalError."""
    identity = load_identity(DIRECTORY)
    key = await load_key(key_name(identity))
    if key is None:
        raise KeyMissingError
    return PhoneDoor(own_directory(DIRECTORY, identity), files, identity, key, version)


def _show_words(words: str) -> None:
    post(msgspec.json.encode({"type": "words", "six": words}).decode())


def _need(what: str, message: Message | None = None) -> None:
    texts = None if message is None else each(lambda language: in_language(language, message))
    post(msgspec.json.encode({"type": "need", "what": what, "message": texts}).decode())

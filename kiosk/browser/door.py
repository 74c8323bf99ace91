"""A phone at a door: builds the kiosk's parts, and hands each message of the page through them.

It takes the place of `kiosk/run.py` and of the threads of `kiosk/sync`: one event loop runs their
steps. A green light needs a promise: the server's acknowledgement, or a commit in files that the
browser keeps.
"""

import asyncio
import logging
import random
import secrets
import time
from collections.abc import Callable, Coroutine
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

import msgspec
from hallkeeper_js import persistent, post

import kiosk
from badges.admission.facts import Direction
from badges.credential.keys import PrivateKey
from badges.record import PlaceKind
from badges.wire import wire
from badges.wire.wire import CameraState, StorageState
from kiosk.browser.kept_files import KeptFiles
from kiosk.browser.network import Network
from kiosk.browser.unacknowledged import Unacknowledged
from kiosk.clock import now_ms
from kiosk.config.files import DIRECTION_FILE, JOURNAL_FILE, REPLICA_FILE
from kiosk.config.identity import KioskIdentity
from kiosk.door.admit import Admitter, NotReadyError
from kiosk.door.answer import Answer
from kiosk.door.direction import DirectionState
from kiosk.journal import schema
from kiosk.journal.errors import JournalError
from kiosk.journal.journal import Journal
from kiosk.journal.values import PlaceWait
from kiosk.reader.notices import TWO_BADGES, Notice, Notices
from kiosk.reader.presentation import (
    Nearest,
    Presentations,
    ReadRate,
    SeenCode,
    badges_in_view,
)
from kiosk.replica.replica import Replica, ReplicaDamagedError
from kiosk.screen.actions import Actions, Reply, refused
from kiosk.screen.board import Board, BoardState, DeviceStatus, StatusPart
from kiosk.screen.feed import encode_state
from kiosk.screen.status import door_status, link_status
from kiosk.steps import run_later
from kiosk.supervisor.override import OverrideHandler, Word
from kiosk.supervisor.server_requests import ServerDesk
from kiosk.supervisor.state_file import SupervisorFile
from kiosk.supervisor.supervision import Need, Supervision
from kiosk.supervisor.texts import SupervisorError
from kiosk.sync.changes import Changes, EventReader
from kiosk.sync.exchange import BACK_OFF_S, HEARTBEAT_S, UNSETTLED_S, Exchange, pause_after
from kiosk.sync.link import Link
from kiosk.sync.protocol import TransportError
from kiosk.sync.signer import Signer
from kiosk.texts.messages import Code, Message, as_message

log = logging.getLogger(__name__)

PROMISE_S = 1.5  # the longest wait for the server's acknowledgement
ANSWER_S = 5.0  # how long an answer stays on the screen
BEAT_S = 1.0
SHORT_S = 1.0  # after a shorter stream the next attempt waits longer
TEXTS_MAX = 8  # codes that wait for their answer
# A supervisor's actions that open the door.
OPENING = ("/supervisor/override", "/supervisor/admit")
WITHDRAWN = Word("phone", "", "not_confirmed")


class PhoneDoor:
    """One door, from construction to the end of `run`."""

    def __init__(
        self,
        directory: Path,
        files: KeptFiles,
        identity: KioskIdentity,
        key: PrivateKey,
        version: str,
    ) -> None:
        """`version` names the files that the page runs. Raises JournalError."""
        name = (identity.kiosk, identity.generation)
        self._version, self._product = version, product_version()
        self._page = secrets.token_urlsafe(6)
        self.journal = Journal(
            directory / JOURNAL_FILE,
            *name,
            key,
            root=identity.root,
            event_id=identity.identity.event_id,
            must_exist=True,
            pragmas=schema.without_wal(schema.PRAGMAS),
        )
        self.replica = Replica(directory / REPLICA_FILE, *name, identity.root)
        self.link = Link(now_ms)
        self._network = Network(Signer(*name, key, self.journal.next_counter))
        self._alone = Unacknowledged(self.journal)
        self._device = DeviceStatus(camera="none")
        self._battery: int | None = None
        self._camera, self._camera_fault = CameraState.STARTING, ""
        self._frames_per_second: float | None = None
        self._unanswered: Message | None = None  # why the last presentation had no answer
        self._nearest, self._presentations, self._rate = Nearest(), Presentations(), ReadRate()
        self._texts: asyncio.Queue[str] = asyncio.Queue(TEXTS_MAX)
        self._work, self._retry, self._changed = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._streaming: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._shown: tuple[BoardState, dict[str, object]] | None = None
        self._answered_at = float("-inf")  # monotonic seconds
        self._is_over = False  # fenced, and everything is sent
        self._build_sync()
        self._build_door(directory, files)

    def _build_sync(self) -> None:
        self.exchange = Exchange(
            self.journal,
            self.replica,
            self._network,
            self.link,
            clock=now_ms,
            wake=self._hurry,
            health=self._health,
            on_restored=self._refresh,
            on_stale=self._refresh,
        )
        self.changes = Changes(
            self.journal,
            self.replica,
            self._network,
            self.link,
            on_back=self._retry.set,
            on_returned=self._work.set,
            on_restored=self.exchange.restored,
        )

    def _build_door(self, directory: Path, files: KeptFiles) -> None:
        supervisors = SupervisorFile(directory, files.write)
        self._files, self._direction_path = files, directory / DIRECTION_FILE
        try:
            chosen = Direction(self._direction_path.read_text())
        except (OSError, ValueError):  # none was chosen yet, or the file is damaged
            chosen = Direction.ENTRY
        self.direction = DirectionState(self.replica, chosen, self._direction_chosen)
        self.board = Board(on_text=self._take, on_direction=self.direction.choose)
        self._notices = Notices(self._show_notice)
        self.admitter = Admitter(
            self.journal,
            self.replica,
            ask_for_place=self.exchange.ask_for_place,
            skew=lambda: self.link.state.skew,
            is_offline=lambda: not self.link.state.online,
            on_asking=self._show_asking,
            roll_call=lambda: supervisors.kept.roll_call,
        )
        self._override_handler = OverrideHandler(
            self.journal,
            self.replica,
            ask_for_place=lambda hall: self.exchange.ask_for_place(hall, PlaceKind.OVERRIDE),
            skew=lambda: self.link.state.skew,
        )
        self.supervision = Supervision(
            supervisors,
            self.admitter,
            self._override_handler,
            ServerDesk(lambda: self.link.state.online),
            self.direction,
            self.journal,
            self.replica,
            on_answer=lambda answer: self._spawn(self._promise(answer)),
            on_move=self._moved,
            on_places=self._work.set,
            clock=now_ms,
        )
        self._actions = Actions(self.board, self.supervision)

    async def run(
        self, messages: "asyncio.Queue[dict[str, Any]]", trouble: Message | None = None
    ) -> dict[str, Any]:
        """Run until the page sends another enrolment code. Returns that message. `trouble` is shown
        until the first answer.
        """
        self._unanswered = trouble
        _post({"type": "ready", "meta": {"page": self._page, "answer_ms": round(ANSWER_S * 1000)}})
        for loop in (self._sync(), self._follow(), self._beat(), self._answer_texts()):
            self._spawn(loop)
        try:
            while True:
                message = await messages.get()
                if message["type"] == "start" and message.get("code"):
                    return message
                self._hear(message)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self.close()

    def close(self) -> None:
        """Idempotent."""
        self.journal.close()
        self.replica.close()

    async def send_rest(self, *, leave: bool = False) -> bool:
        """Without `run`: send what waits, up to the first failure. True if nothing is left to send.
        `leave` first returns the free places, and takes no others.

        Raises JournalError, or TransportError if the server refuses this enrolment for good.
        """
        if leave:
            self.journal.rest()
        more = leave or self.journal.state().waiting > 0
        try:
            while more:
                more = await run_later(self.exchange.steps(), self._network.send)
        except TransportError as error:
            if error.permanent:
                raise
            return False
        return self.journal.state().waiting == 0

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _hear(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "seen":
                self._see(message["at"] / 1000, message["codes"], located=message["located"])
            case "post":
                body = msgspec.json.encode(message["body"]) if message.get("body") else b""
                self._spawn(self._reply(message["id"], message["path"], body))
            case "device":
                self._battery = message.get("battery")
                self._camera = CameraState(message.get("camera", ""))
                self._camera_fault = str(message.get("camera_fault") or "")[:120]
                is_live = self._camera is CameraState.LIVE
                self._frames_per_second = message.get("frames_per_second") if is_live else None
            case "hidden" if not message["hidden"]:
                # The browser may have stopped this worker for a while.
                self._hurry()

    # Presentations and their answers

    def _see(self, at_s: float, codes: list[dict[str, Any]], *, located: bool) -> None:
        """Take the codes in one picture. `located`: a code was in it, read or not."""
        seen = [SeenCode(code["text"], code["area"]) for code in codes]
        taken = self._nearest.choose(seen, at_s)
        if taken is not None and self._presentations.present(taken.text, at_s):
            self._take(taken.text)
        self._rate.count_frame(at_s, located, {code.text for code in seen})
        notice = TWO_BADGES if badges_in_view(seen) > 1 else None
        self._notices.see(notice, time.monotonic(), read=bool(seen))

    def _take(self, text: str) -> None:
        try:
            self._texts.put_nowait(text.strip())
        except asyncio.QueueFull:
            self._show_unanswered(Message(Code.TOO_MANY_CODES))

    async def _answer_texts(self) -> None:
        while True:
            text = await self._texts.get()
            try:
                await self._present(text)
            except (NotReadyError, ReplicaDamagedError, JournalError) as error:
                self._show_unanswered(error.message)
            except Exception as error:
                # A stranger's text must neither stop the door nor be logged.
                log.error("a presentation failed: %s", type(error).__name__)
                why = as_message(type(error).__name__)
                self._show_unanswered(Message(Code.UNANSWERED, why=why))

    async def _present(self, text: str) -> None:
        if not self._may_admit():
            self._show_unanswered(Message(Code.ONLINE_ONLY))
            return
        steps = self.admitter.presented(text, at=now_ms(), direction=self.direction.chosen())
        await self._promise(await run_later(steps, self._answer_need))

    def _may_admit(self) -> bool:
        """Whether a record made now will reach the server, as far as is known."""
        return bool(persistent) or self.link.state.online

    async def _promise(self, answer: Answer) -> None:
        """Show the answer; a green one only with a promise."""
        self._work.set()
        if answer.passes and not await self._is_promised(answer.seq):
            self._withdraw(answer)
            return
        self._unanswered = None
        self._answered_at = time.monotonic()
        self.supervision.record_answer(answer)
        self.board.show(answer)
        self._show_status()

    async def _is_promised(self, seq: int) -> bool:
        """Wait for the server's acknowledgement. If it is late, the phone counts as offline."""
        if self.link.state.online:
            self._show_asking(True)
            try:
                await self._until(
                    lambda: self._is_acknowledged(seq) or not self.link.state.online, PROMISE_S
                )
            finally:
                self._show_asking(False)
            if self._is_acknowledged(seq):
                return True
            self.link.failed("The server does not acknowledge.")
        # A copy's scan that the server has refused gets no light.
        return bool(persistent) and not self.journal.state().fenced

    def _is_acknowledged(self, seq: int) -> bool:
        return self.journal.state().acked >= seq

    def _withdraw(self, answer: Answer) -> None:
        """Annul an entry that has no promise, so that it takes no place."""
        if answer.direction is Direction.ENTRY:
            with suppress(SupervisorError):
                self._override_handler.withdraw(answer.seq, WITHDRAWN, at=now_ms())
        self._show_unanswered(Message(Code.NOT_CONFIRMED))

    async def _reply(self, number: int, path: str, body: bytes) -> None:
        if path in OPENING and not self._may_admit():
            reply = refused(SupervisorError("no_server"))
        elif path in self._actions.paths:
            reply = await run_later(self._actions.reply(path, body), self._answer_need)
        else:
            reply = Reply(404)
        data = msgspec.Raw(reply.body) if reply.body else {}
        _post({"type": "reply", "id": number, "status": reply.status, "body": data})
        self._show_status()

    async def _answer_need(self, need: Need) -> Any:
        if isinstance(need, PlaceWait):
            await self._until(lambda: self.journal.is_over(need), need.timeout_s)
            return None
        return await self._network.send(need)

    async def _until(self, condition: Callable[[], bool], timeout_s: float) -> None:
        """Wait until an exchange or a change has made the condition true."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while not condition():
                    self._changed.clear()
                    await self._changed.wait()

    # The server

    async def _sync(self) -> None:
        """Send scans at once, and heartbeats."""
        pause_s = BACK_OFF_S[0]
        while True:
            self._work.clear()
            self._retry.clear()
            try:
                more = await run_later(self.exchange.steps(), self._network.send)
            except Exception as error:
                # This loop must survive any error, or no scan would be sent again.
                if not isinstance(error, TransportError | JournalError):
                    log.error("sync failed: %s", type(error).__name__)
                pause_s = pause_after(error, pause_s, BACK_OFF_S[1])
                if self.exchange.is_awaited:
                    pause_s = BACK_OFF_S[0]
                self._tell_changed()
                await _wait(self._retry, pause_s * random.uniform(0.5, 1.0))
                pause_s = min(pause_s * 2, BACK_OFF_S[1])
            else:
                pause_s = BACK_OFF_S[0]
                self._tell_changed()
                if not more:
                    beat_s = HEARTBEAT_S if self.link.is_settled else UNSETTLED_S
                    await _wait(self._work, beat_s)

    def _hurry(self) -> None:
        """Exchange at once, even with a server that is away."""
        self._work.set()
        self._retry.set()

    async def _follow(self) -> None:
        """Follow the server's changes."""
        pause_s = BACK_OFF_S[0]
        while True:
            began = time.monotonic()
            self._streaming = asyncio.ensure_future(self._stream())
            await asyncio.wait([self._streaming])
            failure = None if self._streaming.cancelled() else self._streaming.exception()
            self.changes.ended(failure if isinstance(failure, Exception) else None)
            self._tell_changed()
            wanted = self.changes.snapshot_wanted
            if time.monotonic() - began >= SHORT_S or (failure is None and wanted):
                pause_s = BACK_OFF_S[0]
            if failure is not None or not wanted:
                await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))
                pause_s = min(pause_s * 2, BACK_OFF_S[1])

    async def _stream(self) -> None:
        target = await run_later(self.changes.get_ready(), self._network.send)
        self._tell_changed()
        reader = EventReader()
        async with aclosing(self._network.lines(target)) as lines:
            async for line in lines:
                for event in reader.read(line):
                    if not await run_later(self.changes.take(event), self._network.send):
                        return
                    self._tell_changed()

    def _refresh(self) -> None:
        """Take a new snapshot."""
        self.changes.snapshot_wanted = True
        if self._streaming is not None:
            self._streaming.cancel()

    def _moved(self) -> None:
        """Fetch all facts again, because the kiosk is at another door."""
        self._refresh()
        self._presentations.forget()

    def _direction_chosen(self) -> None:
        """Apply a new direction. Codes in view count as new presentations."""
        chosen = self.direction.chosen()
        if chosen is not None:
            self._files.write(self._direction_path, chosen.value.encode())
        self._presentations.forget()
        self._show_status()

    def _tell_changed(self) -> None:
        self._changed.set()
        self._show_status()
        state = self.journal.state()
        if state.fenced and state.waiting == 0 and not self._is_over:
            self._is_over = True
            _post({"type": "need", "what": "fenced", "message": None})

    def _health(self) -> wire.Health:
        return wire.Health(
            version=self._product,
            camera=self._camera,
            frames_per_second=self._frames_per_second,
            read_rate=self._rate.rate(now_ms() / 1000),
            queue=self.journal.state().waiting,
            battery_percent=self._battery,
            skew_ms=self.link.state.skew_ms,
            facts_age_ms=self.replica.age_ms(),
            files=self._version,
            alone=self._alone.count(self.journal.state()),
            storage=StorageState.PERSISTENT if persistent else StorageState.FLEETING,
            camera_fault=self._camera_fault or msgspec.UNSET,
        )

    # The screen

    async def _beat(self) -> None:
        while True:
            self._notices.pass_time(time.monotonic())
            self._show_status()
            _post({"type": "beat"})
            await asyncio.sleep(BEAT_S)

    def _show_notice(self, notice: Notice) -> None:
        self.board.update(notice=notice)
        self._show()

    def _show_asking(self, asking: bool) -> None:
        self.board.update(asking=asking)
        self._show()

    def _show_unanswered(self, why: Message) -> None:
        if why.code is Code.DISK_FULL:
            why = Message(Code.PHONE_FULL)
        self._unanswered = why
        self.board.end_answer()
        self._show_status()

    def _show_status(self) -> None:
        """Never raises."""
        try:
            state, context = self.journal.state(), self.replica.context
            trouble = (self._unanswered, self.link.state.server_ails)
            parts: list[StatusPart] = [
                link_status(self.link.state, state, self.replica.age_ms()),
                DeviceStatus(
                    battery_percent=self._battery,
                    camera="none",
                    trouble=tuple(filter(None, trouble)),
                ),
                self.supervision.status(state),
            ]
            if context is not None:
                direction = self.direction.at(context)
                parts.append(door_status(self.journal, context, self.link.state, direction))
            self.board.put(*parts)
            self._show()
            self._show_idle(state.waiting)
        except Exception as error:
            # The screen must not stop the door.
            log.error("the status failed: %s", type(error).__name__)

    def _show(self) -> None:
        """Send the board to the page, if it has changed."""
        online = self.link.state.online
        more: dict[str, object] = {
            "alone": self._alone.count(self.journal.state()),
            "promise": "server" if online else "phone" if persistent else "none",
            "version": self._product,
            "files": self._version,
            "update": self.exchange.update_asked,
        }
        if self._shown != (self.board.state, more):
            self._shown = (self.board.state, more)
            state = encode_state(self.board.state, self._page, now_ms(), more)
            _post({"type": "state", "event": msgspec.Raw(state)})

    def _show_idle(self, waiting: int) -> None:
        """Tell the page whether it may take another version of its files.

        It is repeated each second, because a version may come, or a panel close, later.
        """
        idle = (
            waiting == 0
            and self._texts.empty()
            and not self.board.state.status.asking
            and self.board.state.status.supervisor is None
            and time.monotonic() - self._answered_at > ANSWER_S
        )
        _post({"type": "idle", "update_allowed": idle})


def product_version() -> str:
    """As in the name of the metadata's folder. `importlib.metadata` would read that in a twentieth
    of a phone's start.
    """
    folders = Path(kiosk.__file__).parents[1].glob("hallkeeper-*.dist-info")
    return next((folder.stem.removeprefix("hallkeeper-")[:40] for folder in folders), "")


def _post(message: dict[str, object]) -> None:
    post(msgspec.json.encode(message).decode())


async def _wait(event: asyncio.Event, timeout_s: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await event.wait()

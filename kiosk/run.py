"""Builds the running kiosk, and hands each presentation through its parts. Errors never stop it.

The answer is first, on disk. The screen, the relay and the server follow.
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from msgspec import UNSET, UnsetType

from badges.admission.facts import Direction
from badges.record import PlaceKind
from badges.wire import wire
from badges.wire.wire import CameraState
from kiosk import health
from kiosk.camera.camera import CameraStatus
from kiosk.clock import now_ms
from kiosk.config import settings as config
from kiosk.config.files import (
    JOURNAL_FILE,
    REPLICA_FILE,
    load_direction,
    load_servers,
    locked,
    make_private,
    save_direction,
    save_servers,
)
from kiosk.config.identity import load_identity, load_key, save_identity
from kiosk.door.admit import Admitter, NotReadyError
from kiosk.door.answer import Answer
from kiosk.door.direction import DirectionState
from kiosk.earlier import EarlierEnrolments
from kiosk.journal.errors import JournalError
from kiosk.journal.journal import Journal
from kiosk.journal.values import PlaceWait
from kiosk.reader.presentation import Presentations
from kiosk.relay.relay import make_relay
from kiosk.replica.replica import Replica, ReplicaDamagedError
from kiosk.screen.board import Board, DeviceStatus, StatusPart
from kiosk.screen.status import door_status, link_status
from kiosk.supervisor.override import OverrideHandler
from kiosk.supervisor.server_requests import ServerDesk
from kiosk.supervisor.state_file import SupervisorFile
from kiosk.supervisor.supervision import Need, Supervision
from kiosk.sync.follow import Feed
from kiosk.sync.known_server import KnownServer
from kiosk.sync.link import Link, Skew
from kiosk.sync.protocol import send
from kiosk.sync.servers import Servers
from kiosk.sync.signer import Signer
from kiosk.sync.transport import Transport
from kiosk.sync.upload import Sync
from kiosk.texts.messages import Code, Message, as_message

log = logging.getLogger(__name__)

CLOSE_S = 2.0  # how long a stopping kiosk waits until the scans are sent


@dataclass(frozen=True)
class AnswerReport:
    answer: Answer
    frame_to_answer_ms: float | None  # None for a code from a hand scanner
    facts_age_ms: int | None


class Watch(Protocol):
    @property
    def camera_status(self) -> CameraStatus: ...

    @property
    def presentations(self) -> Presentations: ...

    def read_rate(self) -> float | None: ...


class Kiosk:
    """One door with all its parts, running from construction to `close`. A context manager."""

    def __init__(
        self,
        directory: Path,
        settings: config.KioskSettings,
        *,
        on_answer: Callable[[AnswerReport], None] = lambda report: None,
    ) -> None:
        """`on_answer` is called after each answer is shown, and its errors are logged alone.

        Raises ConfigError or JournalError, with nothing left open."""
        self.directory = directory
        self._version = health.own_version()
        self._unanswered: Message | None = None  # why the last presentation had no answer
        self._watch: Watch | None = None
        self._presentations = Presentations()
        self._parts = ExitStack()
        try:
            self._build(directory, settings)
        except BaseException:
            self._parts.close()
            raise
        self._on_answer = on_answer
        self.servers.start()
        self.feed.start()
        self.sync.start()
        self.earlier.start()

    def _build(self, directory: Path, settings: config.KioskSettings) -> None:
        identity = load_identity(directory)
        key = load_key(directory)
        self._parts.enter_context(locked(directory))
        name = (identity.kiosk, identity.generation)
        self.journal = Journal(
            directory / JOURNAL_FILE,
            *name,
            key,
            root=identity.root,
            event_id=identity.identity.event_id,
            must_exist=True,
        )
        self._parts.callback(self.journal.close)
        self.replica = Replica(directory / REPLICA_FILE, *name, identity.root)
        self._parts.callback(self.replica.close)
        make_private(directory)
        supervisors = SupervisorFile(directory)
        self.link = Link(now_ms)
        self._set_direction = Direction(settings.direction or "entry")
        self.direction = DirectionState(
            self.replica, load_direction(directory, self._set_direction), self._direction_chosen
        )
        self.board = Board(on_text=self.typed, on_direction=self.direction.choose)
        signer = Signer(*name, key, self.journal.next_counter)
        context = self.replica.context
        known = KnownServer(identity, partial(save_identity, directory))
        self.earlier = EarlierEnrolments(directory, known)
        self.servers = Servers(
            known,
            load_servers(directory),
            hall=None if context is None else context.hall.hall_id,
            keep=partial(save_servers, directory),
        )
        # Supervisors' requests are few, and a kiosk has one session with a server.
        transport = Transport(self.servers, signer, root=identity.root)
        self._desk = Transport(self.servers, signer)
        self._parts.callback(transport.close)
        self._parts.callback(self._desk.close)
        self._build_sync(transport)
        self._build_door(supervisors, ServerDesk(lambda: self.link.state.online))
        self._relay = make_relay(settings, self._relay_result)

    def _build_sync(self, transport: Transport) -> None:
        self.sync = Sync(
            self.journal,
            self.replica,
            transport,
            self.link,
            clock=now_ms,
            health=self.health,
            on_back=self._server_is_back,
            on_restored=lambda: self.feed.refresh(),
            on_stale=lambda: self.feed.refresh(),
        )
        self.feed = Feed(
            self.journal,
            self.replica,
            transport,
            self.link,
            on_back=self.sync.network_is_back,
            on_returned=self.sync.wake,
            on_restored=self.sync.restored,
            on_facts=self._facts_came,
        )
        self.servers.on_change(self.feed.move)

    def _server_is_back(self) -> None:
        self.feed.network_is_back()
        self.earlier.network_is_back()

    def _build_door(self, supervisors: SupervisorFile, server: ServerDesk) -> None:
        self.admitter = Admitter(
            self.journal,
            self.replica,
            ask_for_place=self.sync.ask_for_place,
            skew=self._skew,
            is_offline=lambda: not self.link.state.online,
            on_asking=self._asks,
            roll_call=lambda: supervisors.kept.roll_call,
        )
        self.supervision = Supervision(
            supervisors,
            self.admitter,
            OverrideHandler(
                self.journal,
                self.replica,
                ask_for_place=lambda hall: self.sync.ask_for_place(hall, PlaceKind.OVERRIDE),
                skew=self._skew,
            ),
            server,
            self.direction,
            self.journal,
            self.replica,
            on_answer=self.notify,
            on_move=self._moved,
            on_places=self._places_changed,
            clock=now_ms,
        )

    def answer(self, need: Need) -> Any:
        """Wait for what a supervisor's action needs. Its requests have a connection of their own,
        so that scans never wait. Raises TransportError.
        """
        if isinstance(need, PlaceWait):
            return self.journal.wait(need)
        return send(self._desk, need)

    def attach(self, watch: Watch) -> None:
        """Use `watch` at this door: show its camera, and take a badge that both it and a hand
        scanner read for one presentation.
        """
        self._watch, self._presentations = watch, watch.presentations

    def __enter__(self) -> "Kiosk":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self, within_s: float = CLOSE_S) -> bool:
        """Upload waiting scans within the time, and stop. True if nothing waits."""
        self.servers.close()
        self.earlier.close()
        self.feed.close()
        sent = self.sync.close(within_s)
        if self._relay is not None:
            self._relay.close()
        self._parts.close()
        return sent

    def wait_for_facts(self, timeout_s: float) -> bool:
        deadline = time.monotonic() + timeout_s
        while self.replica.context is None and time.monotonic() < deadline:
            time.sleep(0.02)
        return self.replica.context is not None

    def wait_until_sent(self, timeout_s: float, stop: threading.Event) -> bool:
        """True if the server has every scan, before the timeout and `stop`."""
        deadline = time.monotonic() + timeout_s
        while (waiting := self.journal.state().waiting) and time.monotonic() < deadline:
            if stop.wait(0.05):
                break
        return waiting == 0

    def present(self, text: str, captured_at: float | None = None) -> Answer | None:
        """Answer one presentation, of a frame captured at this monotonic second.

        None if there can be no answer; the board shows the reason. Never raises.
        """
        try:
            with self._presentations.answering(text):
                answer = self.admitter.present(text, at=now_ms(), direction=self.direction.chosen())
        except (NotReadyError, ReplicaDamagedError, JournalError) as error:
            self._show_unanswered(error.message)
            return None
        except Exception as error:
            # A stranger's text must neither stop the door nor be logged.
            log.error("a presentation failed: %s", type(error).__name__)
            why = as_message(type(error).__name__)
            self._show_unanswered(Message(Code.UNANSWERED, why=why))
            return None
        took_ms = None if captured_at is None else (time.monotonic() - captured_at) * 1000
        self._unanswered = None
        self.notify(answer, took_ms)
        return answer

    def notify(self, answer: Answer, took_ms: float | None = None) -> None:
        self.supervision.record_answer(answer)
        self.board.show(answer)
        if self._relay is not None and answer.passes:
            self._relay.fire()
        self.sync.wake()
        try:
            self._on_answer(AnswerReport(answer, took_ms, self.replica.age_ms()))
        except Exception as error:
            # A closed terminal or a full log takes no answer back.
            log.warning("an answer was not reported: %s", type(error).__name__)

    def typed(self, text: str) -> None:
        """Answer a code from a hand scanner. Many scanners read a code in view again and again, so
        after an admission that is one presentation, as with the camera.
        """
        text = text.strip()
        if not self._presentations.present(text, time.monotonic()):
            return
        answer = self.present(text)
        if answer is not None and answer.admitted:
            self._presentations.present(text, time.monotonic())
        else:
            # It may be scanned again at once: a place may be free by then.
            self._presentations.forget(text)

    def _direction_chosen(self) -> None:
        """Apply a new direction. Codes in view count as new presentations."""
        chosen = self.direction.chosen()
        if chosen is not None:
            try:
                save_direction(self.directory, self._set_direction, chosen)
            except OSError as error:
                # The door turns, until its next start.
                log.warning("the direction can't be stored: %s", error.strerror)
        self._presentations.forget()
        self.show_status()

    def _moved(self) -> None:
        """Fetch all facts again, because the kiosk is at another door."""
        self.feed.refresh()
        self._presentations.forget()

    def _facts_came(self, snapshot: wire.Snapshot) -> None:
        """Update the server list and the hall."""
        self.servers.stand_at(snapshot.hall.hall)
        if isinstance(snapshot.servers, bytes):
            self.servers.take(snapshot.servers)

    def _places_changed(self) -> None:
        self.sync.wake()
        self.show_status()

    def _asks(self, asking: bool) -> None:
        # Until the answer nothing else updates the status.
        self.board.update(asking=asking, online=self.link.state.online)

    def _skew(self) -> Skew | None:
        return self.link.state.skew

    def _relay_result(self, trouble: str) -> None:
        if trouble:
            log.warning("%s", trouble)
        self.show_status()

    def _show_unanswered(self, why: Message) -> None:
        self._unanswered = why
        self.board.end_answer()
        self.show_status()

    def health(self) -> wire.Health:
        watch, link = self._watch, self.link.state
        camera = None if watch is None else watch.camera_status
        return wire.Health(
            version=self._version,
            camera=CameraState.NONE if camera is None else CameraState(camera.state),
            camera_fault=_camera_fault(camera),
            frames_per_second=None if camera is None else camera.fps_measured,
            read_rate=None if watch is None else watch.read_rate(),
            queue=self.journal.state().waiting + self.earlier.waiting,
            disk_free_mb=health.disk_free_mb(self.directory),
            battery_percent=health.battery_percent(),
            skew_ms=link.skew_ms,
            facts_age_ms=self.replica.age_ms(),
        )

    def show_status(self) -> None:
        """Never raises."""
        try:
            state, context = self.journal.state(), self.replica.context
            parts: list[StatusPart] = [
                link_status(
                    self.link.state, state, self.replica.age_ms(), earlier=self.earlier.waiting
                ),
                self._device_status(),
                self.supervision.status(state),
            ]
            if context is not None:
                direction = self.direction.at(context)
                parts.append(door_status(self.journal, context, self.link.state, direction))
            self.board.put(*parts)
        except JournalError as error:
            self.board.put(self._device_status(error.message))
        except Exception as error:
            # The staff's page must not stop the door.
            log.error("the status failed: %s", type(error).__name__)

    def _device_status(self, unread: Message | None = None) -> DeviceStatus:
        """`unread`: why the journal can't be read."""
        relay, watch = self._relay, self._watch
        camera = None if watch is None else watch.camera_status
        troubles = (
            unread or self._unanswered,
            None if relay is None else relay.trouble,
            health.disk_trouble(self.directory),
            self.link.state.server_ails,
        )
        return DeviceStatus(
            battery_percent=health.battery_percent(),
            camera="none" if camera is None else camera.state,
            camera_message=None if camera is None else camera.message,
            relay="none" if relay is None else relay.state,
            trouble=tuple(filter(None, troubles)),
        )


def _camera_fault(camera: CameraStatus | None) -> str | UnsetType:
    if camera is None or camera.message is None:
        return UNSET
    return str(camera.message)[:120]

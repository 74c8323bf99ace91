"""Drives ZPL label printers over TCP, one label at a time.

`~HS` returns state and queue. A label is out when the count of all labels
(`odometer.total_label_count`) increases, or without a count when the printer was busy and then
idle. No other program may print on it.
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import Image

from badges.i18n import N_, phrase_of
from server.features.printers.drivers import address as addresses
from server.features.printers.drivers.address import Address
from server.features.printers.drivers.driver import (
    GarbledError,
    NotPrintedError,
    PerhapsPrintedError,
    Sheet,
    Turn,
)
from server.features.printers.drivers.kind import Kind
from server.features.printers.drivers.tcp import Line
from server.features.printers.states import PrinterState, Status

ANSWER_S = 3.0
COUNT_ANSWER_S = 1.5
SEND_S = 20.0
POLL_S = 0.1
SETTLE_S = 0.4  # A busy printer is finished after this idle time
SILENT_S = 4.0  # A printer shows no work for a label this long
PRINT_S = 180.0
CLEAR_S = 4.0
RECONNECT_S = 8.0
AGAIN_S = 0.5  # Between reconnections
DARK_BELOW = 140  # Of 256; lighter dots stay white
_STRINGS = re.compile(rb"\x02([^\x02\x03]{0,200})\x03")
_COUNT = re.compile(rb'"(\d{1,12})"')
_ASK_COUNT = b'! U1 getvar "odometer.total_label_count"\r\n'
_LOST = N_("The connection was lost while the label was being printed.")


@dataclass(frozen=True)
class HostStatus:
    """A printer's answer to `~HS`."""

    paper_out: bool
    paused: bool
    formats: int  # Labels waiting in its memory
    partial: bool  # Received a label's start, and waits for the rest
    head_open: bool
    ribbon_out: bool
    remaining: int  # Labels of the batch still to print
    hot: bool
    spoilt_memory: bool

    @property
    def is_busy(self) -> bool:
        return self.formats > 0 or self.partial or self.remaining > 0

    @property
    def status(self) -> Status:
        if self.head_open:
            return Status(PrinterState.COVER_OPEN, N_("The printer's cover is open."))
        if self.paper_out:
            return Status(PrinterState.PAPER_OUT, N_("The printer has no labels left."))
        if self.ribbon_out:
            return Status(PrinterState.ERROR, N_("The printer's ribbon is used up."))
        if self.hot:
            return Status(PrinterState.ERROR, N_("The printer is too hot and waits."))
        if self.spoilt_memory:
            return Status(
                PrinterState.ERROR, N_("The printer's settings are lost: set it up again.")
            )
        if self.paused:
            return Status(PrinterState.ERROR, N_("The printer is paused: press its pause key."))
        return Status(PrinterState.PRINTING if self.is_busy else PrinterState.READY)


def read_host_status(answer: bytes) -> HostStatus:
    """Parse an answer to `~HS`. Raises GarbledError."""
    strings = _STRINGS.findall(answer)
    try:
        first, second = (text.decode("ascii").split(",") for text in strings[:2])
        return HostStatus(
            paper_out=int(first[1]) == 1,
            paused=int(first[2]) == 1,
            formats=int(first[4]),
            partial=int(first[7]) == 1,
            spoilt_memory=int(first[9]) == 1,
            hot=int(first[11]) == 1,
            head_open=int(second[2]) == 1,
            ribbon_out=int(second[3]) == 1,
            remaining=int(second[8]),
        )
    except (ValueError, IndexError):
        raise GarbledError(N_("The printer's answer can't be read: does it speak ZPL?")) from None


def label(picture: Image.Image) -> bytes:
    grey = picture.convert("L")
    # In ZPL a set bit is a black dot.
    dots = grey.point([255 if level < DARK_BELOW else 0 for level in range(256)], mode="1")
    data = dots.tobytes()
    row = (dots.width + 7) // 8
    return b"".join(
        (
            f"^XA^PW{dots.width}^LL{dots.height}^LH0,0^FO0,0".encode(),
            f"^GFA,{len(data)},{len(data)},{row},".encode(),
            data.hex().upper().encode(),
            b"^FS^PQ1,0,0,N^XZ\r\n",
        )
    )


class ZplDriver:
    def __init__(self, address: Address, dpi: int, *, trusts_sending: bool = False) -> None:
        self._address = address
        self._dpi = dpi
        self._trusts_sending = trusts_sending
        self._counts = True  # Until the printer does not answer

    def status(self) -> Status:
        try:
            with self._open() as line:
                return self._host(line).status
        except addresses.FAILURES as error:
            return addresses.state_after(error)

    def print(self, sheet: Sheet, turn: Turn) -> None:
        data = label(sheet.picture(self._dpi))
        with self._ready(turn) as (line, before):
            turn.sending("" if before is None else str(before))
            try:
                line.send(data, SEND_S)
                self._watch(line, before, turn)
                return
            except (OSError, GarbledError):
                pass
        self._look_again(before, turn)

    def resume(self, remote: str, turn: Turn) -> None:
        self._look_again(int(remote) if remote.isdigit() else None, turn)

    def _open(self) -> Line:
        return Line(addresses.connect(self._address))

    @contextmanager
    def _ready(self, turn: Turn) -> Iterator[tuple[Line, int | None]]:
        """Connect, check that the printer is ready, clear old labels, and read its count."""
        try:
            line = self._open()
        except addresses.FAILURES as error:
            raise NotPrintedError(addresses.state_after(error)) from None
        with line:
            try:
                host = self._host(line)
                if host.is_busy:
                    # A cancelled job's label must not be printed later.
                    host = self._clear(line, turn)
                if host.status.state is not PrinterState.READY:
                    raise NotPrintedError(host.status)
                before = self._count(line)
            except addresses.FAILURES as error:
                raise NotPrintedError(addresses.state_after(error)) from None
            yield line, before

    def _host(self, line: Line) -> HostStatus:
        line.send(b"~HS\r\n", ANSWER_S)
        return read_host_status(line.read(lambda got: got.count(b"\x03") >= 3, ANSWER_S))

    def _count(self, line: Line) -> int | None:
        """Return the printer's label count, if it has one."""
        if not self._counts:
            return None
        line.send(_ASK_COUNT, ANSWER_S)
        try:
            answer = line.read(lambda got: got.count(b'"') >= 2, COUNT_ANSWER_S)
        except TimeoutError:
            answer = b""
        match = _COUNT.search(answer)
        self._counts = match is not None
        return int(match[1]) if match else None

    def _clear(self, line: Line, turn: Turn) -> HostStatus:
        """Clear the printer's queue. Raises NotPrintedError if that fails."""
        line.send(b"~JA\r\n", ANSWER_S)
        until = time.monotonic() + CLEAR_S
        while (host := self._host(line)).is_busy:
            if time.monotonic() > until:
                words = N_("The printer does not give up an earlier label: switch it off and on.")
                raise NotPrintedError(Status(PrinterState.ERROR, words))
            turn.wait(POLL_S)
        return host

    def _watch(self, line: Line, before: int | None, turn: Turn) -> None:
        """Return when the label is out. Raises OSError for a lost connection."""
        until = time.monotonic() + PRINT_S
        was_busy, idle_since = False, 0.0
        while time.monotonic() < until:
            host = self._host(line)
            counted = self._count(line) if before is not None else None
            if before is not None and counted is not None and counted > before:
                return
            if not host.status.state.can_print:
                idle_since = 0.0
                if turn.stands_still(host.status):
                    self._take_back(line, before, host.status, turn)
                    return
            elif host.is_busy:
                was_busy, idle_since = True, 0.0
            else:
                idle_since = idle_since or time.monotonic()
                idle = time.monotonic() - idle_since
                if before is None and was_busy and idle > SETTLE_S:
                    return
                if idle > SILENT_S:
                    self._judge_silence(before)
                    return
            turn.wait(POLL_S)
        raise PerhapsPrintedError(N_("The printer did not confirm the label within three minutes."))

    def _judge_silence(self, before: int | None) -> None:
        if before is None and self._trusts_sending:
            return
        if before is None:
            raise PerhapsPrintedError(
                N_("The printer received the label, but did not confirm that it was printed.")
            )
        raise PerhapsPrintedError(N_("The printer took the label, but its counter did not go up."))

    def _take_back(self, line: Line, before: int | None, status: Status, turn: Turn) -> None:
        """Withdraw the label. Returns if it was printed."""
        try:
            self._clear(line, turn)
            counted = self._count(line) if before is not None else None
        except NotPrintedError as error:
            raise PerhapsPrintedError(phrase_of(error)) from None
        if before is None or counted is None:
            raise PerhapsPrintedError(
                N_("%(words)s Part of the label may have come out."), words=status.words
            )
        if counted == before:
            raise NotPrintedError(status)

    def _look_again(self, before: int | None, turn: Turn) -> None:
        """After a lost connection, find out whether it was printed."""
        until = time.monotonic() + RECONNECT_S
        while before is not None and time.monotonic() < until:
            try:
                with self._open() as line:
                    counted = self._count(line)
                    if counted is not None and counted > before:
                        return
                    if counted is None:
                        break
                    host = self._host(line)
                    if host.partial:
                        # The rest of the label was lost with the connection.
                        host = self._clear(line, turn)
                    if not host.is_busy and host.status.state.can_print:
                        # A switched-off printer may not have counted its last label.
                        raise PerhapsPrintedError(
                            N_("%(lost)s According to the printer's counter, it was not printed."),
                            lost=_LOST,
                        )
                    self._watch(line, before, turn)
                    return
            except (OSError, GarbledError, NotPrintedError, addresses.AddressError):
                turn.wait(AGAIN_S)
        raise PerhapsPrintedError(_LOST)


KIND = Kind(
    name="zpl",
    words=N_("ZPL over TCP: Zebra label printers, and compatible ones"),
    examples=("tcp://192.168.1.41:9100",),
    ports={"tcp": 9100},
    formats=("4x3in", "62mm", "86x54", "4x6in", "a6"),
    connect=lambda address, options: ZplDriver(
        address, options.dpi, trusts_sending=options.trusts_sending
    ),
    dpi=203,
)

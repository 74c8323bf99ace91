"""Drives Brother QL label printers with a 62 mm roll, by raster commands over TCP.

They send no answers over TCP. Their state is read over SNMP; without it, paper and finished labels
are unknown.
"""

import contextlib
import time
from dataclasses import dataclass

from PIL import Image

from badges.i18n import N_, Phrase
from server.features.printers.drivers import address as addresses
from server.features.printers.drivers import snmp
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

WIDTH_MM = 62
DOTS = 696  # Dots over a 62 mm roll, of 720 in a line
LINE_DOTS = 720
_RIGHT_DOTS = 12  # Unused dots beside the roll
LINE_BYTES = LINE_DOTS // 8
DARK_BELOW = 140
SEND_S = 20.0
POLL_S = 0.3
SETTLE_S = 1.0
SILENT_S = 8.0
PRINT_S = 120.0
STATUS_OID = (1, 3, 6, 1, 4, 1, 2435, 3, 3, 9, 1, 6, 1, 0)
SILENT_WORDS = Phrase(
    "The printer does not report its state (SNMP is off), so it is unknown whether it has paper."
)
_HEAD = b"\x80\x20\x42"
_NO_MEDIA, _MEDIA_END, _JAM = 0x01, 0x02, 0x04
_COVER, _REPLACE, _NOT_FED = 0x10, 0x01, 0x40


@dataclass(frozen=True)
class QlStatus:
    error: int  # Two bytes of flags
    width_mm: int
    is_printing: bool

    @property
    def status(self) -> Status:
        first, second = self.error >> 8, self.error & 0xFF
        if second & _COVER:
            return Status(PrinterState.COVER_OPEN, N_("The printer's cover is open."))
        if first & (_NO_MEDIA | _MEDIA_END) or second & _NOT_FED:
            return Status(PrinterState.PAPER_OUT, N_("The printer has no labels left."))
        if first & _JAM:
            return Status(PrinterState.ERROR, N_("The printer's cutter is jammed."))
        if second & _REPLACE or (not self.error and self.width_mm not in (0, WIDTH_MM)):
            return Status(PrinterState.ERROR, N_("Another roll than 62 mm is in the printer."))
        if self.error:
            return Status(
                PrinterState.ERROR, N_("The printer reports a fault: switch it off and on.")
            )
        return Status(PrinterState.PRINTING if self.is_printing else PrinterState.READY)


def read_status(answer: bytes) -> QlStatus:
    """Parse the 32 status bytes. Raises GarbledError."""
    if len(answer) != 32 or answer[:3] != _HEAD:
        raise GarbledError(N_("The printer's answer can't be read: is it a Brother QL?"))
    return QlStatus(answer[8] << 8 | answer[9], answer[10], is_printing=answer[19] == 1)


def label(picture: Image.Image) -> bytes:
    """Return the commands that print and cut one label. The picture is upright; its height is the
    roll's width.
    """
    grey = picture.convert("L").transpose(Image.Transpose.ROTATE_90)
    if grey.width != DOTS:
        raise ValueError(f"a picture of {grey.width} dots does not fit a roll of {DOTS}")
    line = Image.new("L", (LINE_DOTS, grey.height), 255)
    line.paste(grey, (_RIGHT_DOTS, 0))
    # The head prints a line's last dot first.
    line = line.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    data = line.point([255 if level < DARK_BELOW else 0 for level in range(256)], "1").tobytes()
    commands = [
        bytes(400),  # Ends a partly sent command
        b"\x1b@",
        b"\x1bia\x01",  # Switch to raster commands
        # Endless roll, 62 mm wide; number of lines; first page.
        b"\x1biz\x8e\x0a\x3e\x00" + grey.height.to_bytes(4, "little") + b"\x00\x00",
        b"\x1biM\x40",  # Cut
        b"\x1biA\x01",  # After each label
        b"\x1biK\x08",  # At its end
        b"\x1bid\x23\x00",  # Margin of 35 dots, the minimum for rolls
        b"M\x00",  # Uncompressed
    ]
    for at in range(0, len(data), LINE_BYTES):
        commands.append(b"g\x00" + bytes([LINE_BYTES]) + data[at : at + LINE_BYTES])
    return b"".join((*commands, b"\x1a"))


class BrotherDriver:
    def __init__(
        self, address: Address, *, trusts_sending: bool = False, snmp_port: int = snmp.PORT
    ) -> None:
        self._address = address
        self._trusts_sending = trusts_sending
        self._snmp_port = snmp_port

    def status(self) -> Status:
        try:
            ql_status = self._told()
            if ql_status is not None:
                return ql_status.status
            addresses.connect(self._address).close()
            return Status(PrinterState.READY, SILENT_WORDS)
        except addresses.FAILURES as error:
            return addresses.state_after(error)

    def print(self, sheet: Sheet, turn: Turn) -> None:
        # Exactly the roll's dots high, so that the code stays sharp.
        data = label(_fitted(sheet.picture(DOTS / sheet.size_mm[1] * 25.4)))
        status = self.status()
        if not status.state.can_print:
            raise NotPrintedError(status)
        try:
            line = Line(addresses.connect(self._address))
        except addresses.FAILURES as error:
            raise NotPrintedError(addresses.state_after(error)) from None
        with line:
            turn.sending("")
            try:
                line.send(data, SEND_S)
                line.finish(POLL_S)
            except OSError:
                words = N_("The connection was lost while the label was being sent.")
                raise PerhapsPrintedError(words) from None
        self._watch(turn, is_silent=status.words == SILENT_WORDS)

    def resume(self, remote: str, turn: Turn) -> None:
        raise PerhapsPrintedError(N_("The server stopped while the label was being printed."))

    def _told(self) -> QlStatus | None:
        """Return the printer's status over SNMP, None without an answer.

        Raises GarbledError.
        """
        try:
            answer = snmp.get(self._address.host, STATUS_OID, self._snmp_port)
        except OSError:
            return None
        return read_status(answer) if isinstance(answer, bytes) else None

    def _watch(self, turn: Turn, *, is_silent: bool) -> None:
        """Return once the printer was seen printing and then has no fault."""
        until = time.monotonic() + PRINT_S
        sent_at = time.monotonic()
        was_printing, idle_since = False, 0.0
        while not is_silent and time.monotonic() < until:
            ql_status: QlStatus | None = None
            with contextlib.suppress(GarbledError):
                ql_status = self._told()
            now = time.monotonic()
            if ql_status is not None and not ql_status.status.state.can_print:
                # The printer does not report on this label.
                turn.stands_still(ql_status.status)
                raise PerhapsPrintedError(
                    N_("%(words)s Look whether the label came out."), words=ql_status.status.words
                )
            if ql_status is not None and ql_status.is_printing:
                was_printing, idle_since = True, 0.0
            elif ql_status is not None:
                idle_since = idle_since or now
                if was_printing and now - idle_since > SETTLE_S:
                    return
            if not was_printing and now - sent_at > SILENT_S:
                break
            turn.wait(POLL_S)
        if not self._trusts_sending:
            raise PerhapsPrintedError(
                N_("The printer received the label, but cannot confirm that it was printed.")
            )


def _fitted(picture: Image.Image) -> Image.Image:
    """Crop the picture to the roll's dots; drawing may round up."""
    return picture.crop((0, 0, picture.width, DOTS)) if picture.height != DOTS else picture


KIND = Kind(
    name="brother",
    words=N_("Brother QL over TCP: rolls of 62 mm"),
    examples=("tcp://192.168.1.42:9100",),
    ports={"tcp": 9100},
    formats=("62mm",),
    connect=lambda address, options: BrotherDriver(address, trusts_sending=options.trusts_sending),
)

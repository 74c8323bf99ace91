"""Drives IPP printers and CUPS queues, over `ipp://` and `ipps://`.

If supported, the job is created before its document is sent, so that its number is on disk for
queries after any failure.
"""

import contextlib
import hashlib
import http.client
import io
import itertools
import ssl
import time
from collections.abc import Mapping, Sequence
from typing import Any

from badges.i18n import N_, Phrase
from server.features.printers.drivers import address as addresses
from server.features.printers.drivers import raster
from server.features.printers.drivers.address import FAILURES, Address, state_after
from server.features.printers.drivers.driver import (
    GarbledError,
    NotPrintedError,
    PerhapsPrintedError,
    Sheet,
    Turn,
)
from server.features.printers.drivers.ipp_messages import (
    Answer,
    Attribute,
    Operation,
    Tag,
    Value,
    numbers,
    read,
    request,
    texts,
)
from server.features.printers.drivers.kind import Kind
from server.features.printers.states import PrinterState, Status

REQUEST_S = 10.0
ANSWER_BYTES_MAX = 1_000_000
POLL_S = 0.2
LOOK_S = 1.0  # Interval for asking the printer's state while it prints
PRINT_S = 180.0
CANCEL_S = 15.0
BUSY_S = 60.0  # Small printers take one job at a time
RECONNECT_S = 20.0
_IDLE, _STOPPED = 3, 5
_HELD, _CANCELLED, _ABORTED, _COMPLETED = 4, 7, 8, 9
_NOT_FOUND, _BUSY = 0x0406, 0x0507
# State reasons' meaning, gravest first. A reason may end in its severity.
_REASONS: Sequence[tuple[tuple[str, ...], PrinterState, str]] = (
    (
        ("cover-open", "door-open", "interlock-open"),
        PrinterState.COVER_OPEN,
        N_("The printer's cover is open."),
    ),
    (
        ("media-empty", "media-needed", "input-tray-missing"),
        PrinterState.PAPER_OUT,
        N_("The printer has no paper left."),
    ),
    (("media-jam",), PrinterState.ERROR, N_("Paper is jammed in the printer.")),
    (
        ("toner-empty", "marker-supply-empty", "developer-empty"),
        PrinterState.ERROR,
        N_("The printer's ink or toner is used up."),
    ),
    (
        ("offline", "shutdown", "connecting-to-device", "timed-out"),
        PrinterState.OFFLINE,
        N_("The print server can't reach the printer."),
    ),
    (
        ("paused", "moving-to-paused"),
        PrinterState.ERROR,
        N_("The printer is paused: press its key, or resume it."),
    ),
)
_STOPPED_WORDS = N_("The printer has stopped without giving a reason.")
_NO_JOBS_WORDS = N_("The printer takes no jobs at present.")
_LOST = N_("The connection was lost while the card was being printed.")
_WANTED = (
    "printer-state",
    "printer-state-reasons",
    "printer-is-accepting-jobs",
    "document-format-supported",
    "operations-supported",
    "media-supported",
    "print-scaling-supported",
    "pwg-raster-document-type-supported",
)
_WANTED_OF_JOB = (
    "job-state",
    "job-state-reasons",
    "job-impressions-completed",
    "job-media-sheets-completed",
)
_REQUESTER: Attribute = (Tag.NAME, "requesting-user-name", ["hallkeeper"])
# PWG 5101.1 media names by size in mm.
_MEDIA = {
    (105, 148): "iso_a6_105x148mm",
    (101.6, 152.4): "na_index-4x6_4x6in",
    (210, 297): "iso_a4_210x297mm",
    (86, 54): "om_card_54x86mm",
    (101.6, 76.2): "oe_4x3-label_4x3in",
}


def status_of(printer: Mapping[str, list[Value]]) -> Status:
    """Derive the status from a printer's attributes. Raises GarbledError if they lack it."""
    state = next(iter(numbers(printer, "printer-state")), 0)
    if state not in (_IDLE, 4, _STOPPED):
        raise GarbledError(N_("The printer does not report its state."))
    given = texts(printer, "printer-state-reasons")
    for names, meaning, words in _REASONS:
        if any(_is_grave(reason, names, state) for reason in given):
            return Status(meaning, words)
    if state == _STOPPED:
        return Status(PrinterState.ERROR, _STOPPED_WORDS)
    if printer.get("printer-is-accepting-jobs") == [False]:
        return Status(PrinterState.ERROR, _NO_JOBS_WORDS)
    low = any(reason.removesuffix("-warning") == "media-low" for reason in given)
    words = N_("The paper is almost used up.") if low else ""
    return Status(PrinterState.READY if state == _IDLE else PrinterState.PRINTING, words)


def _is_grave(reason: str, names: Sequence[str], state: int) -> bool:
    """Return whether a reason is one of `names` and blocks printing. Without "-error" it blocks
    only a stopped printer.
    """
    for ending in ("-error", "-warning", "-report"):
        if reason.endswith(ending):
            return reason.removesuffix(ending) in names and (ending == "-error" or state == 5)
    return reason in names


class IppDriver:
    def __init__(self, address: Address, dpi: int, *, certificate: str = "") -> None:
        self._address = address
        self._dpi = dpi
        self._certificate = certificate  # SHA-256 in hex, or "" to accept the next one
        self._numbers = itertools.count(1)
        # CUPS requires the same name in the URI and in HTTP.
        self._uri = str(address)

    def status(self) -> Status:
        return self._look()[0]

    def print(self, sheet: Sheet, turn: Turn) -> None:
        status, printer = self._look()
        if not status.state.can_print:
            raise NotPrintedError(status)
        mime_type, document = self._document(sheet, printer)
        wishes = _wishes(sheet, printer)
        can = numbers(printer, "operations-supported")
        if Operation.CREATE_JOB in can and Operation.SEND_DOCUMENT in can:
            job = self._create(sheet, wishes, turn)
            turn.sending(str(job))
            self._send(job, mime_type, document)
            # After a lost connection, watching the job shows the received part.
        else:
            turn.sending("")
            job = self._print_job(sheet, mime_type, document, wishes, turn)
            turn.sending(str(job))
        self._watch(job, turn)

    def resume(self, remote: str, turn: Turn) -> None:
        if not remote.isdigit():
            raise PerhapsPrintedError(_LOST)
        self._watch(int(remote), turn)

    def _look(self) -> tuple[Status, Mapping[str, list[Value]]]:
        """Return the printer's status, and its attributes if available."""
        try:
            answer = self._ask(
                Operation.GET_PRINTER_ATTRIBUTES,
                [(Tag.KEYWORD, "requested-attributes", _WANTED)],
            )
            if not answer.is_ok:
                return Status(PrinterState.ERROR, _refusal(answer)), {}
            status = status_of(answer.printer)
            shown = self._certificate if self._address.scheme == "ipps" else ""
            return Status(status.state, status.words, shown), answer.printer
        except FAILURES as error:
            return state_after(error), {}

    def _document(self, sheet: Sheet, printer: Mapping[str, list[Value]]) -> tuple[str, bytes]:
        """Return the card in the best supported format. Raises NotPrintedError."""
        supported = texts(printer, "document-format-supported")
        if "application/pdf" in supported:
            return "application/pdf", sheet.pdf()
        if raster.MIME_TYPE in supported:
            kinds = texts(printer, "pwg-raster-document-type-supported")
            in_colour = "srgb_8" in kinds
            return raster.MIME_TYPE, raster.pwg(sheet.picture(self._dpi), self._dpi, in_colour)
        for mime_type, name in (("image/png", "PNG"), ("image/jpeg", "JPEG")):
            if mime_type in supported:
                buffer = io.BytesIO()
                dots = (self._dpi, self._dpi)
                sheet.picture(self._dpi).convert("RGB").save(buffer, name, dpi=dots, quality=95)
                return mime_type, buffer.getvalue()
        words = N_("The printer reads neither PDF nor PWG raster, PNG or JPEG.")
        raise NotPrintedError(Status(PrinterState.ERROR, words))

    def _create(self, sheet: Sheet, wishes: Sequence[Attribute], turn: Turn) -> int:
        """Create a job without a document. Raises NotPrintedError."""
        names: list[Attribute] = [_REQUESTER, (Tag.NAME, "job-name", [sheet.name])]
        try:
            answer = self._ask_patiently(turn, Operation.CREATE_JOB, names, wishes)
        except FAILURES as error:
            raise NotPrintedError(state_after(error)) from None
        return _job_number(answer)

    def _send(self, job: int, mime_type: str, document: bytes) -> None:
        """Send a job's document. After a lost connection `_watch` finds the result."""
        try:
            answer = self._ask(
                Operation.SEND_DOCUMENT,
                [
                    (Tag.INTEGER, "job-id", [job]),
                    _REQUESTER,
                    (Tag.MIME_TYPE, "document-format", [mime_type]),
                    (Tag.BOOLEAN, "last-document", [True]),
                ],
                document=document,
            )
        except FAILURES:
            return
        if not answer.is_ok:
            self._cancel(job)
            raise NotPrintedError(Status(PrinterState.READY, _refusal(answer)))

    def _print_job(
        self,
        sheet: Sheet,
        mime_type: str,
        document: bytes,
        wishes: Sequence[Attribute],
        turn: Turn,
    ) -> int:
        names: list[Attribute] = [
            _REQUESTER,
            (Tag.NAME, "job-name", [sheet.name]),
            (Tag.MIME_TYPE, "document-format", [mime_type]),
        ]
        try:
            answer = self._ask_patiently(turn, Operation.PRINT_JOB, names, wishes, document)
        except FAILURES:
            raise PerhapsPrintedError(_LOST) from None
        return _job_number(answer)

    def _watch(self, job: int, turn: Turn) -> None:
        """Return when the printer reports the job as completed."""
        until = time.monotonic() + PRINT_S
        lost_at, looked_at = 0.0, time.monotonic()
        while time.monotonic() < until:
            now = time.monotonic()
            try:
                answer = self._ask_job(job)
                lost_at = 0.0
            except FAILURES:
                lost_at = lost_at or now
                if now - lost_at > RECONNECT_S:
                    raise PerhapsPrintedError(_LOST) from None
                turn.wait(1.0)
                continue
            if _is_over(answer):
                return
            if "job-incoming" in texts(answer.job, "job-state-reasons"):
                # The document is incomplete, so nothing was printed.
                self._take_back(job, Status(PrinterState.OFFLINE, _LOST), turn)
                return
            if now - looked_at > LOOK_S:
                looked_at = now
                status, _ = self._look()
                if not status.state.can_print and turn.stands_still(status):
                    self._take_back(job, status, turn)
                    return
            turn.wait(POLL_S)
        words = N_("The printer did not confirm the card within three minutes.")
        raise PerhapsPrintedError(words)

    def _take_back(self, job: int, status: Status, turn: Turn) -> None:
        """Cancel a stalled job. Returns if it completed after all."""
        self._cancel(job)
        until = time.monotonic() + CANCEL_S
        while time.monotonic() < until:
            try:
                answer = self._ask_job(job)
                if _is_over(answer):
                    return
            except FAILURES:
                pass
            except _EndedError as error:
                if error.printed_nothing:
                    raise NotPrintedError(status) from None
                break
            turn.wait(POLL_S)
        raise PerhapsPrintedError(
            N_("%(words)s Part of the card may have come out."), words=status.words
        )

    def _cancel(self, job: int) -> None:
        with contextlib.suppress(*FAILURES):
            self._ask(Operation.CANCEL_JOB, [(Tag.INTEGER, "job-id", [job]), _REQUESTER])

    def _ask_job(self, job: int) -> Answer:
        wanted: Attribute = (Tag.KEYWORD, "requested-attributes", _WANTED_OF_JOB)
        job_id: Attribute = (Tag.INTEGER, "job-id", [job])
        return self._ask(Operation.GET_JOB_ATTRIBUTES, [job_id, _REQUESTER, wanted])

    def _ask_patiently(
        self,
        turn: Turn,
        operation: Operation,
        attributes: Sequence[Attribute],
        wishes: Sequence[Attribute],
        document: bytes = b"",
    ) -> Answer:
        """Retry while the printer is busy. Raises as `_ask`."""
        until = time.monotonic() + BUSY_S
        while True:
            answer = self._ask(operation, attributes, wishes, document)
            if answer.status != _BUSY or time.monotonic() > until:
                return answer
            turn.wait(LOOK_S)

    def _ask(
        self,
        operation: Operation,
        attributes: Sequence[Attribute],
        wishes: Sequence[Attribute] = (),
        document: bytes = b"",
    ) -> Answer:
        """Send a request and return the answer. Raises OSError, GarbledError or AddressError."""
        uri: Attribute = (Tag.URI, "printer-uri", [self._uri])
        body = request(operation, next(self._numbers), [uri, *attributes], wishes) + document
        connection = _Connection(self._address, self._certificate)
        try:
            headers = {"Content-Type": "application/ipp", "Connection": "close"}
            connection.request("POST", self._address.path, body, headers)
            answer = connection.getresponse()
            if answer.status != http.HTTPStatus.OK:
                raise GarbledError(
                    N_("The printer refuses (HTTP %(status)s): is the path right?"),
                    status=answer.status,
                )
            self._certificate = connection.shown
            return read(answer.read(ANSWER_BYTES_MAX))
        except http.client.HTTPException:
            raise GarbledError(
                N_("The printer's answer can't be read: does it speak IPP?")
            ) from None
        finally:
            connection.close()


class _EndedError(PerhapsPrintedError):
    """A job ended without completion."""

    def __init__(self, words: str, *, printed_nothing: bool) -> None:
        super().__init__(words)
        self.printed_nothing = printed_nothing


def _is_over(answer: Answer) -> bool:
    """Return whether a job is completed. Raises PerhapsPrintedError for another end."""
    if answer.status == _NOT_FOUND:
        raise PerhapsPrintedError(N_("The printer no longer knows the job."))
    state = next(iter(numbers(answer.job, "job-state")), 0)
    if state in (_CANCELLED, _ABORTED):
        counted = numbers(answer.job, "job-impressions-completed")
        counted += numbers(answer.job, "job-media-sheets-completed")
        did = (
            Phrase("cancelled at the printer")
            if state == _CANCELLED
            else Phrase("given up by the printer")
        )
        reasons = [reason for reason in texts(answer.job, "job-state-reasons") if reason != "none"]
        why = f" ({', '.join(reasons)[:100]})" if reasons else ""
        nothing = bool(counted) and not any(counted)
        raise _EndedError(
            Phrase("The job was %(did)s%(why)s.", did=did, why=why), printed_nothing=nothing
        )
    return state == _COMPLETED


def _job_number(answer: Answer) -> int:
    job_ids = numbers(answer.job, "job-id")
    if not answer.is_ok or not job_ids:
        raise NotPrintedError(Status(PrinterState.READY, _refusal(answer)))
    return job_ids[0]


def _refusal(answer: Answer) -> str:
    own = "".join(char for char in answer.message if char.isprintable())
    return Phrase(
        "The printer refuses (IPP %(status)s%(own)s).",
        status=f"{answer.status:#06x}",
        own=f": {own}" if own else "",
    )


def _wishes(sheet: Sheet, printer: Mapping[str, list[Value]]) -> list[Attribute]:
    supported: list[Attribute] = []
    media = _MEDIA.get(sheet.size_mm, "")
    if media in texts(printer, "media-supported"):
        supported.append((Tag.KEYWORD, "media", [media]))
    if "none" in texts(printer, "print-scaling-supported"):
        supported.append((Tag.KEYWORD, "print-scaling", ["none"]))
    return supported


class _Connection(http.client.HTTPConnection):
    """An HTTP connection to a printer, over TLS for `ipps`. The first certificate is pinned, since
    most are self-signed.
    """

    def __init__(self, address: Address, certificate: str) -> None:
        super().__init__(address.host, address.port, timeout=REQUEST_S)
        self._address = address
        self._kept = certificate
        self.shown = certificate

    def connect(self) -> None:
        plain = addresses.connect(self._address)
        plain.settimeout(REQUEST_S)
        self.sock: Any = plain
        if self._address.scheme != "ipps":
            return
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.sock = context.wrap_socket(plain, server_hostname=self._address.host)
        self.shown = hashlib.sha256(self.sock.getpeercert(binary_form=True)).hexdigest()
        if self._kept and self.shown != self._kept:
            raise GarbledError(
                N_(
                    "The printer's certificate has changed. If the printer was replaced or "
                    "reset, an admin can accept the new certificate. Otherwise, the connection "
                    "may be intercepted."
                )
            )


KIND = Kind(
    name="ipp",
    words=N_("IPP or CUPS: office printers, and many label printers"),
    examples=("ipp://192.168.1.40/ipp/print", "ipps://printer.local/ipp/print"),
    ports={"ipp": 631, "ipps": 631},
    formats=("a6", "4x6in", "a4-folded", "86x54", "4x3in", "62mm"),
    connect=lambda address, options: IppDriver(
        address, options.dpi, certificate=options.certificate
    ),
    has_path=True,
)

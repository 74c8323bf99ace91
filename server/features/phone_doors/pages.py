import os
from collections.abc import Callable, Sequence
from typing import TypedDict, TypeVar

from flask import Blueprint, render_template, request, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response

from badges.i18n import N_
from badges.printing.qr import symbol_svg
from badges.wire.enrolment import EnrolmentCode, EnrolmentCodeError, parse_code
from server.core.event.directory import Event
from server.core.kiosks import phones, registry
from server.core.kiosks.registry import KioskRow
from server.core.occupancy import phone_places
from server.core.second_disk import critical_state
from server.core.venue import store
from server.features.phone_doors.version import files_version
from server.storage.connection import Connection
from server.web import auth, forms, i18n, shown
from server.web.alerts import in_page_language
from server.web.display import main_name
from server.web.forms import whole
from server.web.i18n import gettext as _
from server.web.i18n import ngettext
from server.web.services import services

Result = TypeVar("Result")
PREFIX = "phone"  # of phones' names, unless staff choose another
_REFUSED = (registry.KioskError, critical_state.ActsError)

blueprint = Blueprint("phone_doors", __name__, url_prefix="/admin/phones")


class Asked(TypedDict):
    """The form for codes, with the other arguments of the function that makes them."""

    event: Event
    prefix: str
    doors: Sequence[str]
    phones: int
    by: str
    now: int
    random: Callable[[int], bytes]


@blueprint.get("/")
@auth.allow("auditor")
def show() -> str:
    return _page()


@blueprint.get("/waiting")
@auth.allow("auditor")
def waiting() -> str:
    """Return the changing part of the pages: codes in use, and phones to be confirmed."""
    return render_template("parts/phones_waiting.html", **_waiting())


@blueprint.post("/code")
@auth.allow()
def code() -> tuple[str, int]:
    """Make one code for all phones. Only its hash is stored."""
    asked = _asked()
    try:
        made = services().database.write(lambda db: phones.shared_code(db, **asked))
    except registry.KioskError as error:
        return _page(problem=i18n.said(error)), 400
    return _code_page(made), 201


@blueprint.post("/sheet")
@auth.allow()
def sheet() -> tuple[str, int]:
    """Make a code for each phone. Only their hashes are stored."""
    here, asked = services(), _asked()
    try:
        codes = here.database.write(lambda db: phones.one_time_codes(db, **asked))
    except registry.KioskError as error:
        return _page(problem=i18n.said(error)), 400
    doors = {door.code: door for door in store.doors(here.database.reader)}
    cards = [(item.kiosk, doors[item.door_code], _symbol(item.code)) for item in codes]
    until = asked["now"] + phones.SHEET_LIFE_MS
    page = render_template("phone_sheet.html", cards=cards, halls=_halls(), until=until)
    return page, 201


@blueprint.post("/<kiosk>/confirm")
@auth.allow()
def confirm(kiosk: str) -> Response | tuple[str, int]:
    here, seen = services(), request.form.get("seen", "")

    def step(db: Connection, by: str, now: int) -> str:
        row = _compared(db, kiosk, seen, now)
        if row.state != "active":  # a second tap
            registry.confirm(db, here.event, kiosk, by=by, now=now)
        return row.door_names

    def message(door_names: str) -> str:
        text: str = _("%(kiosk)s is a door now: %(door)s", kiosk=kiosk, door=main_name(door_names))
        return text

    return _decide(step, message)


@blueprint.post("/<kiosk>/refuse")
@auth.allow()
def refuse(kiosk: str) -> Response | tuple[str, int]:
    seen = request.form.get("seen", "")

    def step(db: Connection, by: str, now: int) -> None:
        row = _compared(db, kiosk, seen, now)
        phones.refuse(db, kiosk, row.generation, by=by, now=now)

    words: str = _("%(kiosk)s is refused: that device gets nothing.", kiosk=kiosk)
    return _decide(step, lambda _done: words)


@blueprint.post("/end-codes")
@auth.allow()
def end_codes() -> Response:
    def message(ended: int) -> str:
        return ngettext("%(num)s code has ended.", "%(num)s codes have ended.", ended)

    named = shown.named()
    return _perform(lambda db, by, now: phones.end_codes(db, named, by=by, now=now), message)


@blueprint.post("/places")
@auth.allow()
def places() -> Response:
    number = request.form.get("places", type=whole)
    if number is None:
        return forms.turn_back(_("Nothing was changed: enter a whole number."), _back())
    return _perform(
        lambda db, by, now: phones.set_places(db, number, by=by, now=now),
        _("Saved. Phones return what is above it."),
    )


@blueprint.post("/update")
@auth.allow()
def update() -> Response:
    current = files_version()

    def step(db: Connection, by: str, now: int) -> int:
        outdated = phones.outdated(registry.kiosks(db), current)
        if outdated:
            phones.ask_update(db, outdated, by=by, now=now)
        return len(outdated)

    def message(asked: int) -> str:
        return ngettext(
            "%(num)s phone is asked to update. It does so once its scans are sent.",
            "%(num)s phones are asked to update. Each does so once its scans are sent.",
            asked,
        )

    return _perform(step, message)


def _asked() -> Asked:
    here, form = services(), request.form
    return {
        "event": here.event,
        "prefix": "-".join(form.get("prefix", "").lower().split())[:64],
        "doors": form.getlist("doors"),
        "phones": form.get("phones", 0, type=whole),
        "by": auth.actor(),
        "now": here.now(),
        "random": os.urandom,
    }


def _decide(
    step: Callable[[Connection, str, int], Result], message: Callable[[Result], str]
) -> Response | tuple[str, int]:
    """Run a step about a phone that waits. The page of a code can't be loaded again, so that page
    is the answer to its own forms.
    """
    here, by = services(), auth.actor()
    shown = _shown_code()
    if shown is None:
        return _perform(step, message)
    try:
        result = here.database.write(lambda db: step(db, by, here.now()))
    except _REFUSED as error:
        return _code_page(shown, problem=i18n.said(error)), 409
    return _code_page(shown, done=message(result)), 200


def _perform(
    step: Callable[[Connection, str, int], Result], message: str | Callable[[Result], str]
) -> Response:
    return forms.perform(step, message, back=_back(), refused=_REFUSED, words=i18n.said)


def _back() -> str:
    return url_for("admin.phone_doors.show")


def _compared(db: Connection, kiosk: str, seen: str, now: int) -> KioskRow:
    """Return the phone whose generation and six words were `seen`. Raises KioskError if there is
    none now.
    """
    matches = [
        row
        for row in registry.kiosks(db)
        if row.kiosk == kiosk and row.is_phone and f"{row.generation} {row.words}" == seen
    ]
    if not matches or (matches[0].token_expires_at or 0) <= now:
        raise registry.KioskError(
            N_("%(kiosk)s does not show these words any more: compare again"), kiosk=repr(kiosk)
        )
    return matches[0]


def _shown_code() -> EnrolmentCode | None:
    """Return the code of the page that sent the form, or None from another page."""
    try:
        return parse_code(request.form.get("code", ""))
    except EnrolmentCodeError:
        return None


def _code_page(shown: EnrolmentCode, *, done: str = "", problem: str = "") -> str:
    return render_template(
        "phone_code.html",
        code=shown.text(),
        link=phones.link(services().event.settings, shown),
        symbol=_symbol(shown),
        done=done,
        problem=problem,
        **_waiting(),
    )


def _symbol(code: EnrolmentCode) -> Markup:
    link = phones.link(services().event.settings, code)
    return Markup(symbol_svg(link, level="L"))  # noqa: S704  # our own SVG


def _waiting() -> dict[str, object]:
    here = services()
    db, now = here.database.reader, here.now()
    rows = [
        row for row in registry.kiosks(db) if row.is_phone and (row.token_expires_at or 0) > now
    ]
    unused = [row for row in rows if row.state == "waiting"]
    codes = phones.shared_codes(db, now)
    compared = [row for row in rows if row.state != "waiting"]
    return {
        # Those decided upon stay a while, so that no button moves under a finger.
        "shown": sorted(compared, key=lambda row: (row.token_expires_at, row.kiosk)),
        "codes": codes,
        "unused": len(unused),
        "unused_codes": phones.unused_codes(db, now),
        "ends": bool(unused) or any(item.is_open(now) for item in codes),
        "now": now,
    }


def _page(*, problem: str = "") -> str:
    here = services()
    db = here.database.reader
    rows = registry.kiosks(db)
    current = files_version()
    active = [row for row in rows if row.is_phone and row.state == "active"]
    doors = store.doors(db)
    return render_template(
        "phone_doors.html",
        phones=sorted(active, key=lambda row: (row.files in ("", current), row.files, row.kiosk)),
        outdated=phones.outdated(rows, current),
        current=current,
        doors=doors,
        halls=_halls(),
        named=in_page_language,
        places=phone_places.phone_places(db),
        places_most=phone_places.MOST,
        phones_most=phones.PHONES_MAX,
        settings=here.event.settings,
        form=request.form if problem else {},
        chosen=request.form.getlist("doors") if problem else [],
        prefix=PREFIX,
        problem=problem,
        **_waiting(),
    )


def _halls() -> dict[int, dict[str, str]]:
    return {hall.hall_id: hall.names for hall in store.halls(services().database.reader)}

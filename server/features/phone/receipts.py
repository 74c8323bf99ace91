"""Gives attendees receipts of their entries and exits, behind the badge's link, and explains
their proof.
"""

from pathlib import Path

from flask import Blueprint, Response, abort, render_template

from badges.transparency.signed_note import verifier_key
from server.core.entry_log import receipts
from server.core.people import attendees
from server.core.venue import store
from server.features.evidence.export import RECEIPT_VERIFIER, VERIFIER
from server.features.evidence.witnesses import asking
from server.features.phone import pages
from server.web import auth, downloads, i18n
from server.web.services import services

blueprint = Blueprint("receipts", __name__)
blueprint.register_error_handler(pages.GoneError, pages.gone)
# Not cached: a phone keeps only the badge.
HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


@blueprint.get("/b/<token>/receipts")
@auth.allow_everybody
def show(token: str) -> Response:
    here = services()
    db = here.database.reader
    current = pages.open_badge(db, token)
    i18n.propose(attendees.attendee(db, current.serial).language)
    page = render_template(
        "phone/receipts.html",
        token=token,
        those=receipts.offered(db, current.serial),
        most=receipts.OFFERED_MAX,
        hall_names={hall.hall_id: hall.names for hall in store.halls(db)},
        door_names={door.door_id: door.names for door in store.doors(db)},
        static=pages.static,
        in_both_languages=pages.in_both_languages,
    )
    return Response(page, headers=HEADERS)


@blueprint.get("/b/<token>/receipts/<int:number>")
@auth.allow_everybody
def receipt(token: str, number: int) -> Response:
    """Return the receipt of the holder's entry or exit."""
    here = services()
    with here.database.reading() as db:
        current = pages.open_badge(db, token)
        try:
            text = receipts.own_receipt(db, here.log, current.serial, number)
        except receipts.ReceiptError:
            abort(404)
    return downloads.receipt(text, number, HEADERS)


@blueprint.get("/receipts")
@auth.allow_everybody
def about() -> str:
    here = services()
    return render_template(
        "phone/about_receipts.html",
        key=verifier_key(here.event.log_name, here.event.log_key.public),
        witnesses=asking.witnesses(here.event.settings),
        static=pages.static,
        in_both_languages=pages.in_both_languages,
    )


@blueprint.get("/receipts/verify.py")
@auth.allow_everybody
def verifier() -> Response:
    """Send the program that checks exports, as in each export."""
    return _program(VERIFIER)


@blueprint.get("/receipts/verify_receipt.py")
@auth.allow_everybody
def receipt_verifier() -> Response:
    """Send the program that checks receipts; it needs the other one."""
    return _program(RECEIPT_VERIFIER)


def _program(path: Path) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{path.name}"'}
    return Response(path.read_bytes(), mimetype="text/x-python", headers=headers)

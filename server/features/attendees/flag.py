"""Marks protocol guests, and sets the users notified of their arrival."""

from dataclasses import dataclass

from flask import Blueprint, abort, request, url_for
from werkzeug.wrappers import Response

from badges.credential.badge_number import parse_badge_number
from server.core.people import attendees, protocol_guests
from server.core.people.protocol_guests import ProtocolGuest
from server.core.staff import users
from server.web import auth, forms
from server.web.i18n import gettext as _
from server.web.services import services

blueprint = Blueprint("protocol", __name__, url_prefix="/admin/people")


@dataclass(frozen=True)
class Flag:
    guest: ProtocolGuest | None
    users: list[users.User]  # Users who may be notified


def flag(serial: int) -> Flag | None:
    if not auth.may_open("admin.protocol.put"):
        return None
    db = services().database.reader
    guests = protocol_guests.protocol_guests(db, serial)
    return Flag(
        guests[0] if guests else None, [user for user in users.users(db) if not user.disabled]
    )


@blueprint.post("/<number>/protocol")
@auth.allow("protocol")
def put(number: str) -> Response:
    serial = _serial(number)
    watchers = request.form.getlist("users", type=forms.whole)
    return forms.perform(
        lambda db, by, now: protocol_guests.set_protocol_guest(
            db, serial, watchers, by=by, now=now
        ),
        _("They are notified when this guest arrives."),
        back=url_for("admin.people.person", number=number),
        refused=(protocol_guests.ProtocolGuestError,),
    )


@blueprint.post("/<number>/no-protocol")
@auth.allow("protocol")
def clear(number: str) -> Response:
    serial = _serial(number)
    return forms.perform(
        lambda db, by, now: protocol_guests.clear_protocol_guest(db, serial, by=by, now=now),
        _("No one is notified of this attendee's arrival any more."),
        back=url_for("admin.people.person", number=number),
        refused=(protocol_guests.ProtocolGuestError,),
    )


def _serial(number: str) -> int:
    try:
        return attendees.attendee(services().database.reader, parse_badge_number(number)).serial
    except ValueError:  # Malformed, or not assigned
        abort(404)

"""A person's desk page: the badge's state and the possible actions."""

from flask import Blueprint, abort, render_template, request, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response

from badges.printing.qr import symbol_svg
from server.core.edits.person_words import FLAGS
from server.core.event.settings import EventError
from server.core.people import collection, issuing, phone_links
from server.core.people.attendees import UnknownAttendeeError
from server.features.desk import hand_over, id_check, photo
from server.features.desk.pages import forms
from server.features.desk.person import DeskPerson, desk_person
from server.features.desk.submissions import Submission
from server.features.desk.void_card import void_card
from server.features.mail.settings import settings_path
from server.web import auth, display
from server.web.forms import perform, whole
from server.web.i18n import gettext as _
from server.web.services import services

blueprint = Blueprint("person", __name__, url_prefix="/person")


@blueprint.get("/<number>")
@auth.allow(forms.ROLE)
def show(number: str) -> str:
    person, card = person_of(number), request.args.get("card", type=whole)
    db = services().database.reader
    return render_template(
        "desk/person.html",
        person=person,
        void=None if card is None else void_card(db, person.holder, card),
        number=number,
        country=display.country(person.holder.country) if person.holder.country else "",
        category=forms.categories().get(person.holder.category),
        flags=[text for flag, text in FLAGS.items() if person.holder.flags & flag],
        picture=Markup(person.photo),  # noqa: S704
        takes_photos=takes_photos(),
        mails=settings_path(services().event.path).exists(),
    )


@blueprint.post("/<number>/print")
@auth.allow(forms.ROLE)
def print_badge(number: str) -> Response:
    serial, event = _serial(number), services().event
    return forms.perform(
        lambda db, form: hand_over.print_badge(db, event, form, serial),
        _printing,
        back=_page(number),
    )


@blueprint.post("/<number>/collected")
@auth.allow(forms.ROLE)
def collected(number: str) -> Response:
    serial = _serial(number)
    return forms.perform(
        lambda db, form: hand_over.collect(db, form, serial),
        lambda submission: _("The card of %(name)s is handed over.", name=_name(submission)),
        back=_page(number),
    )


@blueprint.post("/<number>/box")
@auth.allow(forms.ROLE)
def box(number: str) -> Response:
    serial, label = _serial(number), request.form.get("box", "")
    return perform(
        lambda db, by, now: collection.put_box(db, [serial], label, by=by, now=now),
        _("The box is noted."),
        back=_page(number),
        refused=(collection.BoxError,),
    )


@blueprint.get("/<number>/new-badge")
@auth.allow(forms.ROLE)
def new_badge(number: str) -> str:
    """Ask before a badge is void: which card, why, and what follows."""
    person, reason = person_of(number), request.args.get("reason", "")
    if not person.holder.issue or person.holder.revoked_at is not None:
        abort(404)
    if reason not in issuing.REISSUE_REASONS:
        abort(404)
    return render_template("desk/new_badge.html", person=person, number=number, reason=reason)


@blueprint.post("/<number>/reissue")
@auth.allow(forms.ROLE)
def reissue(number: str) -> Response:
    serial, event = _serial(number), services().event
    reason = request.form.get("reason", "")
    return forms.perform(
        lambda db, form: hand_over.reissue(db, event, form, serial, reason),
        _reissued,
        back=_page(number),
    )


@blueprint.post("/<number>/id-checked")
@auth.allow(forms.ROLE)
def id_checked(number: str) -> Response:
    serial, page = _serial(number), _page(number)
    return forms.perform(
        lambda db, form: id_check.note(db, form, serial), _noted, back=page, after=page
    )


@blueprint.get("/<number>/phone")
@auth.allow(forms.ROLE)
def phone(number: str) -> str:
    """Show the phone page's link as a code for the attendee's camera."""
    person = person_of(number)
    if person.holder.issue == 0 or person.holder.revoked_at is not None:
        abort(404)
    here = services()
    db = here.database.reader
    badge = issuing.current_badge(db, person.holder.serial)
    token = phone_links.token(db, here.event, badge)
    link = here.event.settings.phones_at + url_for("phone.badge", token=token) if token else ""
    symbol = Markup(symbol_svg(link, level="L")) if link else ""  # noqa: S704
    return render_template("desk/phone.html", person=person, number=number, symbol=symbol)


@blueprint.post("/<number>/phone")
@auth.allow(forms.ROLE)
def phone_done(number: str) -> Response:
    serial = _serial(number)
    return forms.perform(
        lambda db, form: hand_over.show_phone_link(db, form, serial),
        lambda submission: _("%(name)s has the badge on the phone.", name=_name(submission)),
        back=_page(number),
    )


def person_of(number: str) -> DeskPerson:
    """Return the person of a badge number, or abort with 404."""
    here = services()
    return desk_person(here.database.reader, here.event, _serial(number))


def takes_photos() -> bool:
    try:
        return photo.folder(services().event) is not None
    except EventError:
        return False


def _printing(submission: Submission) -> str:
    return (
        ""
        if submission.by_browser
        else _("The badge of %(name)s is queued.", name=_name(submission))
    )


def _reissued(submission: Submission) -> str:
    return _(
        "Badge %(issue)s of %(name)s is issued. Every earlier badge is void at every door.",
        issue=submission.issue,
        name=_name(submission),
    )


def _noted(submission: Submission) -> str:
    return _("Noted that an ID document of %(name)s was checked.", name=_name(submission))


def _name(submission: Submission) -> str:
    return forms.name_of(services().database.reader, submission.serial)


def _page(number: str) -> str:
    return url_for("desk.person.show", number=number)


def _serial(number: str) -> int:
    try:
        return forms.serial_of(number)
    except UnknownAttendeeError:
        abort(404)

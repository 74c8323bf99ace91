"""Serves attendees. Staff find one, see their badge and scans, print the card, replace and revoke
it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from flask import Blueprint, Response, abort, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from badges.categories import CategoryPlan
from badges.credential.badge_number import badge_number, parse_badge_number
from badges.printing import card as drawn_card
from badges.printing.qr import symbol_svg
from badges.roster.countries import country_name
from server.entry_log import entry_log
from server.entry_log.act_names import Act
from server.ledger import entries, finding
from server.occupancy import copies, stays
from server.people import attendees, card_design, cards, day_credentials, issuing, phone_links
from server.storage.connection import Connection
from server.venue import kept_places, store
from server.web import auth
from server.web.admin import forms
from server.web.admin.forms import whole
from server.web.admin.protocol import flag
from server.web.services import services

blueprint = Blueprint("people", __name__, url_prefix="/admin/people")

PAGE_ROWS = 50
PAGES_MAX = 10_000
SCAN_ROWS = 50
SESSIONS_SHOWN = 30
REISSUE_REASONS = {
    "first": "First badge",
    "lost": "Lost",
    "damaged": "Damaged or unreadable",
    "changed": "Name or organisation changed",
    "stolen": "Stolen, or in the wrong hands",
}
REVOKE_REASONS = {
    "withdrawn": "Registration withdrawn",
    "conduct": "Conduct",
    "mistake": "Registered by mistake",
    "security": "Security",
}
KEPT_KINDS = {"": "None", "wheelchair": "Wheelchair user", "companion": "Companion"}
REINSTATE_REASONS = {"mistake": "Revoked by mistake", "settled": "The matter is settled"}


@dataclass(frozen=True)
class Turn:
    """Describes which page of a list is shown, and how many rows the list has."""

    page: int
    total: int

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // PAGE_ROWS))


@blueprint.get("/")
@auth.allow("badge_desk", "auditor")
def search() -> str:
    text = request.args.get("q", "").strip()[:200]
    page = min(max(1, request.args.get("page", 1, type=whole)), PAGES_MAX)
    db = services().database.reader
    found, total = attendees.find_attendees(db, text, PAGE_ROWS, (page - 1) * PAGE_ROWS)
    if text:
        _note(Act.PEOPLE_SEARCHED, {"answers": total})
    return render_template(
        "people.html", found=found, text=text, turn=Turn(page, total), categories=_categories()
    )


@blueprint.get("/<number>")
@auth.allow("badge_desk", "auditor")
def person(number: str) -> str:
    attendee = _attendee(number)
    here = services()
    db = here.database.reader
    badge = _badge(attendee.serial)
    may_link = badge is not None and auth.may_open("admin.people.card")
    programme = store.programme_for(db, attendee.serial, after=here.now(), limit=SESSIONS_SHOWN + 1)
    link = _phone_link(badge) if badge and may_link else ""
    newest_link = phone_links.link(db, attendee.serial)
    return render_template(
        "person.html",
        person=attendee,
        badge=badge,
        country=country_name(attendee.country),
        latin=cards.latin_line(attendee),
        category=_categories().get(attendee.category),
        programme=programme[:SESSIONS_SHOWN],
        more_programme=len(programme) > SESSIONS_SHOWN,
        hall_names={hall.hall_id: hall.names for hall in store.halls(db)},
        stays=stays.open_stays(db, attendee.serial),
        suspicion=copies.suspicion(db, attendee.serial),
        scans=entries.page(db, finding.Filter(serial=attendee.serial), rows=SCAN_ROWS),
        link=link,
        link_symbol=symbol_svg(link, level="L") if link else "",
        link_revoked_at=newest_link.revoked_at,
        reissue_reasons={key: REISSUE_REASONS[key] for key in REISSUE_REASONS if key != "first"},
        revoke_reasons=REVOKE_REASONS,
        reinstate_reasons=REINSTATE_REASONS,
        kept_place=kept_places.kind_of(db, attendee.serial),
        kept_kinds=KEPT_KINDS,
        protocol=flag.flag(attendee.serial),
        given=day_credentials.of_attendee(db, attendee.serial),
        each_max=day_credentials.EACH_MAX,
        days_to_choose=day_credentials.days_to_choose(here.event, attendee, here.now()),
        day_words=partial(day_credentials.day_words, here.event.settings),
    )


@blueprint.get("/<number>/card.pdf")
@auth.allow("badge_desk")
def card(number: str) -> AnyResponse:
    attendee = _attendee(number)
    badge = _badge(attendee.serial) or abort(404)
    if attendee.revoked_at is not None:
        return forms.turn_back(
            "This badge is revoked, and no door admits it: reinstate the attendee first.",
            _back(number),
        )
    here = services()
    try:
        one, pdf = _draw(badge, None)
    except (drawn_card.CardError, card_design.DesignError) as error:
        return forms.turn_back(f"The card can't be drawn: {error}", _back(number))
    by = auth.actor()
    here.database.write(lambda db: cards.note_printed(db, [one], by=by, now=here.now()))
    return _pdf(pdf, f"badge-{badge_number(attendee.serial)}.pdf")


def _draw(badge: issuing.Badge, day: int | None) -> tuple[cards.PrintedBadge, bytes]:
    """Draw one card, of a day credential where it has a `day`. Raises CardError or DesignError."""
    here = services()
    design = card_design.read_design(here.event)
    (one,) = cards.read(
        here.database.reader,
        here.event,
        [badge],
        latin=design.latin,
        photo=design.photo_of(),
    )
    drawn = one.card if day is None else cards.of_one_day(one.card, here.event, day)
    return one, drawn_card.render_pdf([drawn], look=design.look)


def _pdf(pdf: bytes, file_name: str) -> AnyResponse:
    headers = {"Content-Disposition": f'inline; filename="{file_name}"'}
    return Response(pdf, mimetype="application/pdf", headers=headers)


@blueprint.post("/<number>/day-credential")
@auth.allow("badge_desk")
def day_credential(number: str) -> AnyResponse:
    """Give out a credential for one day to somebody who forgot the badge."""
    serial = _attendee(number).serial
    day = request.form.get("day", type=whole)
    if day is None or request.form.get("confirm") != "yes":
        return forms.turn_back("Nothing was changed: choose a day and tick the box.", _back(number))
    event = services().event
    words = day_credentials.day_words

    def step(db: Connection, by: str, now: int) -> None:
        day_credentials.issue_day_credential(db, event, serial, day=day, by=by, now=now)

    return forms.perform(
        step,
        lambda _: (
            f"The day credential for {words(event.settings, day)} is valid: print it now. On"
            f" that day doors deny the badge of {number}."
        ),
        back=_back(number),
        refused=(issuing.IssuingError,),
        words=str,
    )


@blueprint.get("/<number>/day-<int:day>.pdf")
@auth.allow("badge_desk")
def day_card(number: str, day: int) -> AnyResponse:
    """Draw the card of a day credential that stands."""
    attendee, here = _attendee(number), services()
    given = day_credentials.of_attendee(here.database.reader, attendee.serial)
    found = [one for one in given if (one.issue, one.day) == (attendee.issue, day)]
    if not found:
        abort(404)
    if attendee.revoked_at is not None:
        return forms.turn_back(
            "This badge is revoked, and no door admits it: reinstate the attendee first.",
            _back(number),
        )
    try:
        _, pdf = _draw(found[0].badge, day)
    except (drawn_card.CardError, card_design.DesignError) as error:
        return forms.turn_back(f"The card can't be drawn: {error}", _back(number))
    by = auth.actor()
    here.database.write(
        lambda db: day_credentials.note_printed(db, found[0], here.event, by=by, now=here.now())
    )
    return _pdf(pdf, f"day-{badge_number(attendee.serial)}-{day + 1}.pdf")


@blueprint.post("/<number>/reissue")
@auth.allow("badge_desk")
def reissue(number: str) -> AnyResponse:
    serial = _attendee(number).serial
    reason = _confirmed(REISSUE_REASONS)
    if reason is None:
        return _unconfirmed(number)
    event = services().event
    seen = request.form.get("issue", type=whole)

    def step(db: Connection, by: str, now: int) -> int:
        if attendees.attendee(db, serial).issue != seen:
            # Somebody else has replaced the badge since this page was made.
            abort(409)
        return issuing.reissue(db, event, serial, reason=reason, now=now, by=by).issue

    def said(issue: int) -> str:
        earlier = f"; every earlier badge of {number} is void" if issue > 1 else ""
        return f"Issue {issue} is valid now{earlier}."

    refused = (issuing.IssuingError,)
    return forms.perform(step, said, back=_back(number), refused=refused, words=str)


@blueprint.post("/<number>/link/revoke")
@auth.allow("badge_desk")
def revoke_link(number: str) -> AnyResponse:
    """Revoke the link of the attendee's phone page. The badge itself stands."""
    said = f"The link of {number} leads nowhere now. Phones that have the page lose it as soon as"
    return _link(number, phone_links.revoke, f"{said} they reach this server.")


@blueprint.post("/<number>/link/renew")
@auth.allow("badge_desk")
def renew_link(number: str) -> AnyResponse:
    """Give the attendee another link of their phone page, and void the present one."""
    said = f"{number} has a new link. Send it, or let the attendee read the code with their phone."
    return _link(number, phone_links.renew, said)


def _link(number: str, change: Callable[..., None], said: str) -> AnyResponse:
    serial = _attendee(number).serial
    if request.form.get("confirm") != "yes":
        return forms.turn_back("Nothing was changed: tick the box.", _back(number))
    return forms.perform(
        lambda db, by, now: change(db, serial, by=by, now=now),
        said,
        back=_back(number),
        refused=(phone_links.LinkError,),
        words=str,
    )


@blueprint.post("/<number>/no-copy")
@auth.allow("badge_desk")
def no_copy(number: str) -> AnyResponse:
    """Clear the suspicion of a copy. Staff have the holder and the only badge before them."""
    serial = _attendee(number).serial
    if request.form.get("confirm") != "yes":
        return forms.turn_back("Nothing was changed: tick the box.", _back(number))
    return forms.perform(
        lambda db, by, now: copies.clear(db, serial, by=by, now=now),
        f"Every door admits the badge of {number} again.",
        back=_back(number),
        refused=(copies.NoSuspicionError,),
        words=str,
    )


@blueprint.post("/<number>/kept-place")
@auth.allow("badge_desk")
def kept_place(number: str) -> AnyResponse:
    """Say whether kept places are for this attendee."""
    serial = _attendee(number).serial
    word = request.form.get("kind", "-")
    if word not in KEPT_KINDS:
        return forms.turn_back("Nothing was changed: choose one of the list.", _back(number))
    kind = kept_places.kind_named(word)
    return forms.perform(
        lambda db, by, now: kept_places.put(db, [(serial, kind)], by=by, now=now),
        f"Doors of halls that keep places know {number} now."
        if kind
        else f"No place is kept for {number}.",
        back=_back(number),
        refused=(),
    )


@blueprint.post("/<number>/revoke")
@auth.allow()
def revoke(number: str) -> AnyResponse:
    return _stand(number, issuing.revoke, REVOKE_REASONS, f"{number} is revoked at every door.")


@blueprint.post("/<number>/reinstate")
@auth.allow()
def reinstate(number: str) -> AnyResponse:
    said = f"{number} stands again."
    return _stand(number, issuing.reinstate, REINSTATE_REASONS, said)


def _stand(
    number: str, change: Callable[..., None], reasons: Mapping[str, str], said: str
) -> AnyResponse:
    serial = _attendee(number).serial
    reason = _confirmed(reasons)
    if reason is None:
        return _unconfirmed(number)
    return forms.perform(
        lambda db, by, now: change(db, serial, reason=reason, now=now, by=by),
        said,
        back=_back(number),
        refused=(issuing.IssuingError,),
        words=str,
    )


def _note(act: Act, subject: Mapping[str, str | int | None]) -> None:
    """Write into the entry log that somebody saw people's data. What they asked for is not kept."""
    here, by = services(), auth.actor()
    here.database.write(lambda db: entry_log.act(db, by, act, subject, here.now()))


def _confirmed(reasons: Mapping[str, str]) -> str | None:
    """Return the chosen reason, if the box was ticked."""
    reason = request.form.get("reason", "")
    return reason if reason in reasons and request.form.get("confirm") == "yes" else None


def _unconfirmed(number: str) -> AnyResponse:
    return forms.turn_back("Nothing was changed: choose a reason and tick the box.", _back(number))


def _back(number: str) -> str:
    return url_for("admin.people.person", number=number)


def _attendee(number: str) -> attendees.Attendee:
    try:
        serial = parse_badge_number(number)
        return attendees.attendee(services().database.reader, serial)
    except ValueError:
        # There is no such number, or nobody has it.
        abort(404)


def _badge(serial: int) -> issuing.Badge | None:
    try:
        return issuing.current_badge(services().database.reader, serial)
    except issuing.NoBadgeError:
        return None


def _categories() -> dict[int, CategoryPlan]:
    return {one.code: one for one in store.categories(services().database.reader)}


def _phone_link(badge: issuing.Badge) -> str:
    """Return the link of the badge's phone page. It is empty where the link is revoked."""
    here = services()
    token = phone_links.token(here.database.reader, here.event, badge)
    if token is None:
        return ""
    return here.event.settings.phones_at + url_for("phone.badge", token=token)

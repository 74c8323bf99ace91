from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, abort, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from badges.categories import CategoryPlan
from badges.credential.badge_number import badge_number, parse_badge_number
from badges.i18n import N_
from badges.printing import card as drawn_card
from badges.printing.qr import symbol_svg
from badges.roster.countries import country_name
from server.core.entry_log import act_words, entry_log
from server.core.entry_log.act_names import Act
from server.core.occupancy import copies, stays
from server.core.people import attendees, card_design, cards, day_credentials, issuing, phone_links
from server.core.staff import confirmations
from server.core.venue import kept_places, store
from server.core.venue.store import UnknownSessionError
from server.features.attendees import flag, listing, lists, many, story
from server.features.attendees.reasons import REVOKE_REASONS
from server.features.editing import guests, people
from server.storage.connection import Connection
from server.web import auth, forms, i18n, shown
from server.web.about import VALUES, about
from server.web.forms import whole
from server.web.i18n import gettext as _
from server.web.services import services

blueprint = Blueprint("people", __name__, url_prefix="/admin/people")

PAGE_ROWS = 50
PAGES_MAX = 10_000
SESSIONS_OFFERED = 200
SESSIONS_SHOWN = 30
FIRST = "first"
KEPT_KINDS = {"": N_("None"), "wheelchair": N_("Wheelchair user"), "companion": N_("Companion")}
ANSWERS = {"invite": True, "refuse": False, "neither": None}
REINSTATE_REASONS = {"mistake": N_("Revoked by mistake"), "settled": N_("The matter is settled")}


@dataclass(frozen=True)
class Turn:
    page: int
    total: int

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // PAGE_ROWS))


@blueprint.get("/")
@auth.allow("badge_desk", "auditor", "protocol")
def search() -> tuple[str, int]:
    asked, sort = lists.asked(request.args), lists.sort(request.args)
    page = min(max(1, request.args.get("page", 1, type=whole)), PAGES_MAX)
    db = services().database.reader
    condition = listing.condition(db, asked.wanted)
    people, total = listing.page(db, condition, sort, PAGE_ROWS, (page - 1) * PAGE_ROWS)
    if asked.wanted.text:
        _note(Act.PEOPLE_SEARCHED, {"answers": total})
    shown = render_template(
        "people.html",
        found=people,
        asked=asked,
        sort=sort,
        turn=Turn(page, total),
        categories=_categories(),
        country_name=country_name,
        collected=listing.collected(db, [person.serial for person in people]),
        actions=many.actions(),
        jobs=many.open_jobs(),
        **lists.choices(),
    )
    return shown, 400 if asked.problems else 200


@blueprint.get("/<number>")
@auth.allow("badge_desk", "auditor", "protocol")
def person(number: str) -> str:
    attendee = _attendee(number)
    here = services()
    db = here.database.reader
    badge = _badge(attendee.serial)
    may_link = badge is not None and auth.may_open("admin.people.card")
    programme = store.programme_for(
        db, attendee.serial, here.calendar.day_starts, after=here.now(), limit=SESSIONS_SHOWN + 1
    )
    link = _phone_link(badge) if badge and may_link else ""
    newest_link = phone_links.link(db, attendee.serial)
    reasons = VALUES["reason"]
    return render_template(
        "person.html",
        person=attendee,
        badge=badge,
        country=country_name(attendee.country, i18n.language()),
        latin=cards.latin_line(attendee),
        category=_categories().get(attendee.category),
        programme=programme[:SESSIONS_SHOWN],
        more_programme=len(programme) > SESSIONS_SHOWN,
        hall_names={hall.hall_id: hall.names for hall in store.halls(db)},
        stays=stays.open_stays(db, attendee.serial),
        suspicion=copies.suspicion(db, attendee.serial),
        **_story(db, attendee.serial),
        answers=guests.answers_of(db, attendee.serial),
        sessions=guests.offered(db, here.now(), SESSIONS_OFFERED)
        if auth.may_open("admin.people.answer")
        else [],
        link=link,
        newest_link=newest_link,
        link_symbol=symbol_svg(link, level="L") if link else "",
        link_revoked_at=newest_link.revoked_at,
        reissue_reasons={key: _(reasons[key]) for key in issuing.REISSUE_REASONS},
        may_withdraw=badge is not None
        and badge.issue > 1
        and attendee.revoked_at is None
        and here.now() - badge.issued_at <= issuing.WITHDRAW_MS,
        revoke_reasons={key: _(words) for key, words in REVOKE_REASONS.items()},
        reinstate_reasons={key: _(words) for key, words in REINSTATE_REASONS.items()},
        kept_place=kept_places.kind_of(db, attendee.serial),
        kept_kinds={key: _(words) for key, words in KEPT_KINDS.items()},
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
            _("This badge is revoked, and no door admits it: reinstate the attendee first."),
            _back(number),
        )
    here = services()
    try:
        printed, pdf = _draw(badge, None)
    except (drawn_card.CardError, card_design.DesignError) as error:
        return forms.turn_back(
            _("The card can't be drawn: %(why)s", why=i18n.said(error)), _back(number)
        )
    by = auth.actor()
    here.database.write(lambda db: cards.note_printed(db, [printed], by=by, now=here.now()))
    return _pdf(pdf, f"badge-{badge_number(attendee.serial)}.pdf")


def _draw(badge: issuing.Badge, day: int | None) -> tuple[cards.PrintedBadge, bytes]:
    """Draw a card, of a day credential if `day` is set. Raises CardError or DesignError."""
    here = services()
    design = card_design.read_design(here.event)
    (printed,) = cards.read(
        here.database.reader,
        here.event,
        [badge],
        lines=design.lines,
        photo=design.photo_of(),
    )
    drawn = printed.card if day is None else cards.of_one_day(printed.card, here.event, day)
    return printed, drawn_card.render_pdf([drawn], look=design.look)


def _pdf(pdf: bytes, file_name: str) -> AnyResponse:
    headers = {"Content-Disposition": f'inline; filename="{file_name}"'}
    return Response(pdf, mimetype="application/pdf", headers=headers)


@blueprint.post("/<number>/day-credential")
@auth.allow("badge_desk")
def day_credential(number: str) -> AnyResponse:
    serial = _attendee(number).serial
    day = request.form.get("day", type=whole)
    if day is None or request.form.get("confirm") != "yes":
        return forms.turn_back(
            _("Nothing was changed: choose a day and tick the box."), _back(number)
        )
    event = services().event
    words = day_credentials.day_words

    def step(db: Connection, by: str, now: int) -> None:
        day_credentials.issue_day_credential(db, event, serial, day=day, by=by, now=now)

    return forms.perform(
        step,
        lambda credential: str(
            _(
                "The day credential for %(day)s is valid: print it now. On that day doors deny the"
                " badge of %(number)s.",
                day=i18n.said(words(event.settings, day)),
                number=number,
            )
        ),
        back=_back(number),
        refused=(issuing.IssuingError,),
        words=i18n.said,
    )


@blueprint.get("/<number>/day-<int:day>.pdf")
@auth.allow("badge_desk")
def day_card(number: str, day: int) -> AnyResponse:
    attendee, here = _attendee(number), services()
    given = day_credentials.of_attendee(here.database.reader, attendee.serial)
    matching = [
        credential
        for credential in given
        if (credential.issue, credential.day) == (attendee.issue, day)
    ]
    if not matching:
        abort(404)
    if attendee.revoked_at is not None:
        return forms.turn_back(
            _("This badge is revoked, and no door admits it: reinstate the attendee first."),
            _back(number),
        )
    try:
        pdf = _draw(matching[0].badge, day)[1]
    except (drawn_card.CardError, card_design.DesignError) as error:
        return forms.turn_back(
            _("The card can't be drawn: %(why)s", why=i18n.said(error)), _back(number)
        )
    by = auth.actor()
    here.database.write(
        lambda db: day_credentials.note_printed(db, matching[0], here.event, by=by, now=here.now())
    )
    return _pdf(pdf, f"day-{badge_number(attendee.serial)}-{day + 1}.pdf")


@blueprint.post("/<number>/reissue")
@auth.allow("badge_desk")
def reissue(number: str) -> AnyResponse:
    serial = _attendee(number).serial
    reason = _confirmed((FIRST, *issuing.REISSUE_REASONS))
    if reason is None:
        return _unconfirmed(number)
    event = services().event
    seen = request.form.get("issue", type=whole)

    def step(db: Connection, by: str, now: int) -> int:
        if attendees.attendee(db, serial).issue != seen:
            # Another user has replaced the badge since this page was made.
            abort(409)
        return issuing.reissue(db, event, serial, reason=reason, now=now, by=by).issue

    def message(issue: int) -> str:
        if issue == 1:
            return str(_("Issue %(issue)s is valid now.", issue=issue))
        return str(
            _(
                "Issue %(issue)s is valid now; every earlier badge of %(number)s is void.",
                issue=issue,
                number=number,
            )
        )

    refused = (issuing.IssuingError,)
    return forms.perform(step, message, back=_back(number), refused=refused, words=i18n.said)


@blueprint.post("/<number>/withdraw")
@auth.allow("badge_desk")
def withdraw(number: str) -> AnyResponse:
    """Take back a badge issued within the last minute."""
    serial, seen = _attendee(number).serial, request.form.get("issue", type=whole)

    def step(db: Connection, by: str, now: int) -> int:
        if attendees.attendee(db, serial).issue != seen:
            abort(409)
        issuing.withdraw(db, serial, by=by, now=now)
        return attendees.attendee(db, serial).issue

    return forms.perform(
        step,
        lambda issue: str(
            _("Issue %(issue)s is valid again at every door. Destroy the new card.", issue=issue)
        ),
        back=_back(number),
        refused=(issuing.IssuingError,),
        words=i18n.said,
    )


@blueprint.post("/<number>/link/revoke")
@auth.allow("badge_desk")
def revoke_link(number: str) -> AnyResponse:
    """Revoke the link of the attendee's phone page; the badge stays valid."""
    message = _(
        "The link of %(number)s leads nowhere now. Phones that have the page lose it as soon as"
        " they reach this server.",
        number=number,
    )
    return _link(number, phone_links.revoke, message)


@blueprint.post("/<number>/link/renew")
@auth.allow("badge_desk")
def renew_link(number: str) -> AnyResponse:
    message = _(
        "%(number)s has a new link. Send it, or let the attendee read the code with their phone.",
        number=number,
    )
    return _link(number, phone_links.renew, message)


def _link(number: str, change: Callable[..., None], message: str) -> AnyResponse:
    serial = _attendee(number).serial
    if request.form.get("confirm") != "yes":
        return forms.turn_back(_("Nothing was changed: tick the box."), _back(number))
    named = shown.named()

    def step(db: Connection, by: str, now: int) -> None:
        present = phone_links.link(db, serial).as_shown
        confirmations.require_shown(named, [present], phone_links.link_words)
        change(db, serial, by=by, now=now)

    return forms.perform(
        step,
        message,
        back=_back(number),
        refused=(phone_links.LinkError, confirmations.ShownChangedError),
        words=_refusal,
    )


def _refusal(error: Exception) -> str:
    if isinstance(error, confirmations.ShownChangedError):
        return forms.unchanged(error)
    return i18n.said(error)


@blueprint.post("/<number>/no-copy")
@auth.allow("badge_desk")
def no_copy(number: str) -> AnyResponse:
    """Clear the suspicion of a copy, after staff have checked holder and badge."""
    serial = _attendee(number).serial
    if request.form.get("confirm") != "yes":
        return forms.turn_back(_("Nothing was changed: tick the box."), _back(number))
    named = shown.named()

    def step(db: Connection, by: str, now: int) -> None:
        present = copies.suspicion(db, serial)
        if present is not None and present.cleared_at is None:
            confirmations.require_shown(named, [present.as_shown], copies.suspicion_words)
        copies.clear(db, serial, by=by, now=now)

    return forms.perform(
        step,
        _("Every door admits the badge of %(number)s again.", number=number),
        back=_back(number),
        refused=(copies.NoSuspicionError, confirmations.ShownChangedError),
        words=_refusal,
    )


@blueprint.post("/<number>/kept-place")
@auth.allow("badge_desk")
def kept_place(number: str) -> AnyResponse:
    """Set whether kept places are for this attendee."""
    serial = _attendee(number).serial
    word = request.form.get("kind", "-")
    if word not in KEPT_KINDS:
        return forms.turn_back(_("Nothing was changed: choose from the list."), _back(number))
    kind = kept_places.kind_named(word)
    return forms.perform(
        lambda db, by, now: kept_places.put(db, [(serial, kind)], by=by, now=now),
        _("Doors of halls that keep places know %(number)s now.", number=number)
        if kind
        else _("No place is kept for %(number)s.", number=number),
        back=_back(number),
        refused=(),
    )


@blueprint.post("/<number>/answer")
@auth.allow()
def answer(number: str) -> AnyResponse:
    serial, zone = _attendee(number).serial, _zone()
    word, session_id = request.form.get("answer", ""), request.form.get("session", type=whole)
    if word not in ANSWERS or session_id is None:
        return forms.turn_back(_("Nothing was changed: choose a session."), _back(number))
    messages = {
        "invite": _("%(number)s is invited, regardless of category.", number=number),
        "refuse": _("%(number)s is refused, regardless of category.", number=number),
        "neither": _("The category of %(number)s decides.", number=number),
    }
    return forms.perform(
        lambda db, by, now: guests.set_guest(
            db, zone, session_id, serial, ANSWERS[word], by=by, now=now
        ),
        messages[word],
        back=_back(number),
        refused=(UnknownSessionError,),
        words=lambda error: str(_("Nothing was changed: choose a session.")),
    )


@blueprint.post("/<number>/revoke")
@auth.allow()
def revoke(number: str) -> AnyResponse:
    message = _("%(number)s is revoked at every door.", number=number)
    return _stand(number, True, REVOKE_REASONS, message)


@blueprint.post("/<number>/reinstate")
@auth.allow()
def reinstate(number: str) -> AnyResponse:
    message = _("%(number)s is reinstated.", number=number)
    return _stand(number, False, REINSTATE_REASONS, message)


def _stand(number: str, revoked: bool, reasons: Mapping[str, str], message: str) -> AnyResponse:
    serial, zone = _attendee(number).serial, _zone()
    reason = _confirmed(reasons)
    if reason is None:
        return _unconfirmed(number)
    return forms.perform(
        lambda db, by, now: people.set_standing(
            db, zone, serial, revoked, reason=reason, now=now, by=by
        ),
        message,
        back=_back(number),
        refused=(issuing.IssuingError,),
        words=i18n.said,
    )


def _story(db: Connection, serial: int) -> dict[str, object]:
    before, names = request.args.get("before", type=_edge), act_words.Names(db, i18n.language())
    return {
        "story": story.page(db, serial, before=before),
        "parts": story,
        "earlier": before is not None,
        "names": names,
        "act_about": partial(about, names),
        "label": act_words.label,
        "mail_words": {
            "sending": _("A mail is on its way"),
            "sent": _("A mail was sent"),
            "delayed": _("A mail is delayed"),
            "refused": _("A mail was refused"),
            "bounced": _("A mail came back"),
        },
        "job_words": {
            "waiting": _("waiting"),
            "printing": _("printing"),
            "done": _("printed"),
            "failed": _("failed"),
            "cancelled": _("cancelled"),
        },
    }


def _edge(text: str) -> story.Edge:
    """Parse the edge of a page. Raises ValueError."""
    at, part, number = text.split("-")
    return story.Edge(whole(at), whole(part), whole(number))


def _zone() -> ZoneInfo:
    return ZoneInfo(services().event.settings.time_zone)


def _note(act: Act, subject: Mapping[str, str | int | None]) -> None:
    here, by = services(), auth.actor()
    here.database.write(lambda db: entry_log.act(db, by, act, subject, here.now()))


def _confirmed(reasons: Collection[str]) -> str | None:
    reason = request.form.get("reason", "")
    return reason if reason in reasons and request.form.get("confirm") == "yes" else None


def _unconfirmed(number: str) -> AnyResponse:
    return forms.turn_back(
        _("Nothing was changed: choose a reason and tick the box."), _back(number)
    )


def _back(number: str) -> str:
    return url_for("admin.people.person", number=number)


def _attendee(number: str) -> attendees.Attendee:
    try:
        serial = parse_badge_number(number)
        return attendees.attendee(services().database.reader, serial)
    except ValueError:
        # Malformed, or not assigned
        abort(404)


def _badge(serial: int) -> issuing.Badge | None:
    try:
        return issuing.current_badge(services().database.reader, serial)
    except issuing.NoBadgeError:
        return None


def _categories() -> dict[int, CategoryPlan]:
    return {plan.code: plan for plan in store.categories(services().database.reader)}


def _phone_link(badge: issuing.Badge) -> str:
    """Return the link of the badge's phone page, or "" if it is revoked."""
    here = services()
    token = phone_links.token(here.database.reader, here.event, badge)
    if token is None:
        return ""
    return here.event.settings.phones_at + url_for("phone.badge", token=token)

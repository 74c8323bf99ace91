from collections.abc import Callable
from datetime import timedelta
from functools import partial

from flask import (
    Blueprint,
    abort,
    render_template,
    request,
    url_for,
)
from werkzeug.wrappers import Response

from badges.places.account import PlacesError
from badges.places.pool import PoolKey
from server.core.alerts import kiosks as kiosk_alerts
from server.core.entry_log import act_words
from server.core.ledger import denial_rates, entries, finding
from server.core.muster import muster
from server.core.occupancy import clearing, figures, hall_control, pools
from server.core.staff import confirmations, dual_control
from server.core.venue import capacity_reasons, kept_places, nesting, store
from server.core.venue.store import UnknownHallError
from server.features.editing import venue_edit
from server.features.halls import screen_links
from server.storage.connection import Connection
from server.web import auth, forms, i18n, shown
from server.web.forms import whole
from server.web.i18n import gettext as _
from server.web.second_person import SecondPersonError, not_two, second_person
from server.web.security import limiter
from server.web.services import services

LAST_ROWS = 12
blueprint = Blueprint("halls", __name__, url_prefix="/admin/halls")


@blueprint.get("/<int:hall_id>")
@auth.allow("supervisor", "auditor")
def show(hall_id: int) -> str:
    here = services()
    db, now = here.database.reader, here.now()
    hall, clock = _hall(db, hall_id), here.venue_clock
    today = clock.local(now).date()
    day = [clock.parse(f"{item.isoformat()}T00:00") for item in (today, today + timedelta(days=1))]
    doors = hall_control.holdings(db, hall_id)
    emptied = clearing.emptied(db, hall_id)
    reasons = capacity_reasons.reasons(hall.measures)
    return render_template(
        "hall.html",
        hall=hall,
        figures=next(item for item in figures.hall_figures(db) if item.hall_id == hall_id),
        doors=doors,
        unconfirmed=[item for item in doors if item.state == "active" and not item.confirmed],
        awaited=sorted({item[0] for item in pools.load(db, PoolKey(hall_id)).awaited}),
        emptied=emptied,
        stopped_at={each.key: clearing.stopped_at(db, each.key) for each in emptied.stopped},
        inner=_inner(db, hall_id),
        hall_names={item.hall_id: item.names for item in store.halls(db)},
        reasons=reasons,
        above=capacity_reasons.warning(hall.capacity, reasons),
        never_freed=hall_id in store.halls_never_freed(db),
        set_by=act_words.Names(db).who(hall.capacity_by) if hall.capacity_by else "",
        released=kept_places.now_kept(db, hall_id, now),
        now=now,
        heard_lately=partial(kiosk_alerts.heard_lately, now=now),
        newest_scan=clearing.newest_scan(db),
        kind_words={
            "entry": _("Entry capacity"),
            "exit": _("Exit capacity"),
            "holding": _("Holding capacity"),
            "emergency": _("Emergency capacity"),
        },
        arrivals=denial_rates.latest_of_hall(db, hall_id, now),
        quarter_at=now // denial_rates.QUARTER_MS * denial_rates.QUARTER_MS,
        last=entries.page(db, finding.Filter(hall_id=hall_id), rows=LAST_ROWS).entries,
        named=auth.may_open("admin.people.person"),
        programme=store.sessions_of_day(db, hall_id, *day),
        screens=screen_links.links(db, hall_id),
        who=act_words.Names(db).who,
    )


@blueprint.post("/<int:hall_id>/close")
@auth.allow("supervisor")
def close(hall_id: int) -> Response:
    """Close the hall at once, without confirmation; reopening is as quick."""
    return _perform(
        hall_id,
        lambda db, by, now: hall_control.set_closed(db, hall_id, True, by=by, now=now),
        _(
            "The hall is closed: no one else gets in. Below are the doors that have not "
            "confirmed yet."
        ),
    )


@blueprint.post("/<int:hall_id>/open")
@auth.allow("supervisor")
def reopen(hall_id: int) -> Response:
    return _perform(
        hall_id,
        lambda db, by, now: hall_control.set_closed(db, hall_id, False, by=by, now=now),
        _("The hall is open again, according to its programme."),
    )


@blueprint.post("/<int:hall_id>/capacity")
@auth.allow()
def capacity(hall_id: int) -> Response:
    wished = request.form.get("capacity", type=whole)
    if wished is None:
        return _turn_back(hall_id, _("the capacity is a whole number."))
    settings = services().event.settings
    return _perform(
        hall_id,
        lambda db, by, now: venue_edit.set_capacity(db, settings, hall_id, wished, by=by, now=now),
        _(
            "The capacity is %(capacity)s. What doors hold above it is called back.",
            capacity=i18n.decimal(wished),
        ),
    )


@blueprint.post("/<int:hall_id>/clear")
@auth.allow()
@auth.confirmed
def clear(hall_id: int) -> Response:
    """Count the hall as empty, once staff have checked."""
    if request.form.get("confirm") != "yes":
        return _turn_back(hall_id, _("tick the box to confirm that the hall is empty."))
    newest, named = request.form.get("newest", ""), shown.named()
    if not newest:
        return _turn_back(hall_id, _("open the page again: the form is not complete."))

    def step(db: Connection, by: str, now: int) -> None:
        before = clearing.first_unseen(db, newest)
        hall_control.clear(db, hall_id, named, by=by, now=now, before=before)
        muster.note_cleared(db)

    return _perform(
        hall_id,
        step,
        _(
            "The hall counts as empty. People who came in since the page was opened, or through"
            " offline doors, stay counted."
        ),
    )


@blueprint.post("/<int:hall_id>/attest")
# Otherwise the second user's password could be guessed.
@limiter.limit("10 per 5 minutes", key_func=auth.actor)
@auth.allow()
def attest(hall_id: int) -> Response:
    """Attest a lost kiosk's places with another admin or supervisor, who gives their password."""
    if request.form.get("stopped") != "yes":
        return _turn_back(hall_id, _("tick the box: the kiosk must not admit anyone any more."))
    form = request.form
    inside, generation = form.get("inside", type=whole), form.get("generation", type=whole)
    if inside is None or generation is None:
        return _turn_back(hall_id, _("enter how many people may be inside, as a number."))
    kiosk, named = (form.get("kiosk", "")[:64], generation), shown.named()
    try:
        second = second_person()
    except SecondPersonError as error:
        return _turn_back(hall_id, i18n.said(error))

    def step(db: Connection, by: str, now: int) -> None:
        holding = [each for each in hall_control.holdings(db, hall_id) if each.key == kiosk]
        confirmations.require_shown(
            named, [each.as_shown for each in holding], hall_control.holding_words
        )
        hall_control.attest(db, hall_id, kiosk, inside, by=by, with_=second, now=now)

    return _perform(
        hall_id,
        step,
        _(
            "%(kiosk)s: at most %(inside)s counted as inside; its other places are free again.",
            kiosk=kiosk[0],
            inside=inside,
        ),
    )


@blueprint.post("/<int:hall_id>/screens")
@auth.allow()
def add_screen(hall_id: int) -> Response | tuple[str, int]:
    """Make a public screen's link, and show it once. Only its hash is stored."""
    here, by = services(), auth.actor()
    hall = _hall(here.database.reader, hall_id)
    try:
        token = here.database.write(lambda db: screen_links.add(db, hall_id, by=by, now=here.now()))
    except screen_links.ScreenError as error:
        return _turn_back(hall_id, i18n.said(error))
    link = here.event.settings.public_address + url_for("hall_screen.show", token=token)
    return render_template("halls/screen_link.html", hall=hall, link=link), 201


@blueprint.post("/<int:hall_id>/screens/<int:screen_id>/revoke")
@auth.allow()
def revoke_screen(hall_id: int, screen_id: int) -> Response:
    return _perform(
        hall_id,
        lambda db, by, now: screen_links.revoke(db, hall_id, screen_id, by=by, now=now),
        _("The link is revoked: its screen shows nothing any more."),
    )


def _perform(
    hall_id: int, step: Callable[[Connection, str, int], object], message: str
) -> Response:
    def on_hall(db: Connection, by: str, now: int) -> None:
        _hall(db, hall_id)
        step(db, by, now)

    refused = (
        hall_control.CapacityError,
        PlacesError,
        dual_control.NotTwoError,
        confirmations.ShownChangedError,
        screen_links.ScreenError,
    )
    return forms.perform(on_hall, message, back=_back(hall_id), refused=refused, words=_words)


def _words(error: Exception) -> str:
    if isinstance(error, dual_control.NotTwoError):
        return not_two(error)
    return str(_("Nothing was changed: %(why)s", why=i18n.said(error)))


def _turn_back(hall_id: int, why: str) -> Response:
    return forms.turn_back(_("Nothing was changed: %(why)s", why=why), _back(hall_id))


def _back(hall_id: int) -> str:
    return url_for("admin.halls.show", hall_id=hall_id)


def _inner(db: Connection, hall_id: int) -> list[store.HallRow]:
    return [
        store.hall(db, inner_id) for inner_id in nesting.inside(nesting.parents_of(db), hall_id)
    ]


def _hall(db: Connection, hall_id: int) -> store.HallRow:
    try:
        return store.hall(db, hall_id)
    except UnknownHallError:
        abort(404)

from flask import Blueprint, render_template, request, url_for
from werkzeug.wrappers import Response

from server.core.people import badge_keys
from server.core.staff.confirmations import ShownChangedError
from server.core.staff.dual_control import NotTwoError
from server.storage.connection import Connection
from server.web import auth, forms, i18n, shown
from server.web.i18n import gettext as _
from server.web.i18n import ngettext
from server.web.second_person import SecondPersonError, not_two, second_person
from server.web.security import limiter
from server.web.services import services

blueprint = Blueprint("badge_keys", __name__, url_prefix="/admin/badge-keys")


@blueprint.get("")
@auth.allow()
@auth.with_form_to("admin.badge_keys.change")
def show() -> str:
    here = services()
    db = here.database.reader
    uses = badge_keys.uses(db, here.event, here.now())
    return render_template(
        "badge_keys.html",
        uses=uses,
        to_issue=[use.as_listed for use in uses],
        to_drop={use.key_id: badge_keys.named_to_drop(uses, use.key_id) for use in uses},
        behind=badge_keys.kiosks_behind(db),
        dropped=badge_keys.changes_of(db).dropped,
    )


@blueprint.post("/add")
@auth.allow()
@auth.confirmed
def add() -> Response:
    """Add a key, which signs nothing until it is chosen."""
    event = services().event
    return forms.perform(
        lambda db, by, now: badge_keys.add_key(db, event, by=by, now=now),
        lambda key_id: _(
            "Key %(key)s is added. Doors take badges by it once they are heard; then let it sign"
            " new badges.",
            key=key_id,
        ),
        back=_back(),
        refused=(badge_keys.BadgeKeyError,),
    )


@blueprint.post("/<int:key_id>/<any(issue, drop):act>")
# Otherwise the second user's password could be guessed.
@limiter.limit("10 per 5 minutes", key_func=auth.actor)
@auth.allow()
@auth.confirmed
def change(key_id: int, act: str) -> Response:
    """Let a key sign new badges, or drop it, with another admin or supervisor."""
    if request.form.get("confirm") != "yes":
        return _turn_back(_("tick the box."))
    try:
        second = second_person()
    except SecondPersonError as error:
        return _turn_back(i18n.said(error))
    event, named = services().event, shown.named()

    def issue(db: Connection, by: str, now: int) -> int:
        badge_keys.issue_by(db, event, key_id, named, by=by, with_=second, now=now)
        return 0

    def drop(db: Connection, by: str, now: int) -> int:
        return badge_keys.drop_key(db, event, key_id, named, by=by, with_=second, now=now)

    def done(people: int) -> str:
        if act == "issue":
            return _("Key %(key)s signs new badges from now on.", key=key_id)
        return ngettext(
            "Key %(key)s is dropped. %(count)s badge is void: its holder needs a new one.",
            "Key %(key)s is dropped. %(count)s badges are void: their holders need new ones.",
            people,
            key=key_id,
            count=f"{people:,}",
        )

    return forms.perform(
        issue if act == "issue" else drop,
        done,
        back=_back(),
        refused=(badge_keys.BadgeKeyError, ShownChangedError, NotTwoError),
        words=_words,
    )


def _words(error: Exception) -> str:
    return not_two(error) if isinstance(error, NotTwoError) else forms.unchanged(error)


def _turn_back(why: str) -> Response:
    return forms.turn_back(_("Nothing was changed: %(why)s", why=why), _back())


def _back() -> str:
    return url_for("admin.badge_keys.show")

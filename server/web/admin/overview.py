"""Shows the overview, which has halls against their capacities, latest entries, kiosks and
discrepancies.

`live` keeps it fresh.
"""

from pathlib import Path

from flask import Blueprint, render_template, url_for
from markupsafe import Markup

from server.backup import copy, set_back
from server.event import clock
from server.kiosks import registry
from server.ledger import entries
from server.occupancy import figures
from server.programme.counts import ForumCounts
from server.storage import disk
from server.wallet import certificates
from server.web import auth
from server.web.admin import kiosk_health
from server.web.admin.programme.forum import forum_counts
from server.web.services import services

blueprint = Blueprint("overview", __name__, url_prefix="/admin")

LATEST_ROWS = 12
DISCREPANCY_ROWS = 8
TROUBLED_ROWS = 8
ROLES = ("steward", "supervisor", "auditor")


@blueprint.get("/")
@auth.allow(*ROLES)
def show() -> str:
    db = services().database.reader
    halls = figures.hall_figures(db)
    shown = {part: Markup(html) for part, html in parts().items()}
    return render_template(
        "overview.html",
        halls=nested(halls),
        parts=shown,
        second_disk=_second_disk(),
        set_back=set_back.notice(db),
        clock_set=clock.was_set(db, services().now()),
        wallet_trouble=certificates.trouble(services().event, services().now()),
        counts=_forum(),
    )


def _forum() -> ForumCounts | None:
    """Return the forum in figures, where it has activities or an exhibition."""
    counts = forum_counts()
    return counts if counts.activities or counts.areas else None


def parts() -> dict[str, str]:
    """Return every part of the page that changes, by its id, as HTML for the user who asks."""
    here = services()
    db = here.database.reader
    shown = {f"hall-{hall.hall_id}": html for hall, html in _halls(figures.hall_figures(db))}
    shown["latest"] = render_template("parts/latest.html", entries=entries.latest(db, LATEST_ROWS))
    shown["discrepancies"] = render_template(
        "parts/discrepancies.html",
        discrepancies=entries.discrepancies(db, DISCREPANCY_ROWS),
        count=entries.discrepancy_count(db),
    )
    shown["disk"] = render_template("parts/disk.html", warning=_disk_warning(here.database.path))
    shown["kiosks"] = _kiosks(kiosk_health.at_work(registry.kiosks(db)), here.now())
    return shown


def _disk_warning(path: Path) -> str:
    try:
        return disk.room(path).warning
    except OSError:
        return ""


def _second_disk() -> copy.Status | None:
    """Return the state of the backups. None means that there is no second disk."""
    backups = services().backups
    return None if backups is None else backups.status


def nested(halls: list[figures.HallFigures]) -> list[figures.HallFigures]:
    """Sort the halls so that each comes before the halls within it."""
    known = {hall.hall_id for hall in halls}
    ordered: list[figures.HallFigures] = []

    def add(parent: int | None) -> None:
        for hall in halls:
            if hall.parent_id == parent:
                ordered.append(hall)
                add(hall.hall_id)

    add(None)
    assert len(ordered) == len(known)
    return ordered


def _halls(halls: list[figures.HallFigures]) -> list[tuple[figures.HallFigures, str]]:
    names = {hall.hall_id: hall.names for hall in halls}
    linked = auth.may_open("admin.entries.show")
    opened = auth.may_open("admin.halls.show")
    return [
        (
            hall,
            render_template(
                "parts/hall.html",
                hall=hall,
                parent=names.get(hall.parent_id) if hall.parent_id else None,
                entries_link=linked and url_for("admin.entries.show", hall=hall.hall_id),
                hall_link=opened and url_for("admin.halls.show", hall_id=hall.hall_id),
            ),
        )
        for hall in halls
    ]


def _kiosks(rows: list[registry.KioskRow], now: int) -> str:
    troubled = [(row, found) for row in rows if (found := kiosk_health.troubles(row, now))]
    troubled.sort(key=lambda item: not any(trouble.grave for trouble in item[1]))
    active = [row for row in rows if row.state == "active"]
    tally = {
        "all": len(rows),
        "active": len(active),
        "live": sum(kiosk_health.heard_lately(row, now) for row in active),
        "waiting": sum(row.state == "proven" for row in rows),
    }
    return render_template(
        "parts/kiosks.html",
        tally=tally,
        troubled=troubled[:TROUBLED_ROWS],
        hidden=len(troubled[TROUBLED_ROWS:]),
        kiosks_link=auth.may_open("admin.kiosks.show") and url_for("admin.kiosks.show"),
    )

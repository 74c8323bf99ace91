from collections.abc import Sequence

from flask import Blueprint, render_template

from server.core.event.calendar import day_starts
from server.core.ledger import entries
from server.web import auth
from server.web.feature import Step, features
from server.web.services import services

blueprint = Blueprint("start", __name__, url_prefix="/admin/start")

ENDPOINT = "admin.start.show"


@blueprint.get("")
@auth.allow()
def show() -> str:
    here = services()
    steps = _steps()
    return render_template(
        "start.html",
        needed=[step for step in steps if step.blocks],
        advised=[step for step in steps if not step.blocks],
        first_day=here.event.settings.first_day,
        has_begun=_has_begun(),
    )


def landing() -> str:
    """Return this page's endpoint for admins until the first scan, while opening is blocked."""
    if not auth.may_open(ENDPOINT) or _has_scans():
        return ""
    return ENDPOINT if any(step.blocks and not step.done for step in _steps()) else ""


def _steps() -> Sequence[Step]:
    here = services()
    steps = [
        step for feature in features() if feature.steps is not None for step in feature.steps(here)
    ]
    return sorted(steps, key=lambda step: step.place)


def _has_scans() -> bool:
    return bool(entries.latest(services().database.reader, 1))


def _has_begun() -> bool:
    here = services()
    return here.now() >= day_starts(here.event.settings)[0]

from typing import Any

from flask import Blueprint, render_template

from server.features.desk.pace import ALL_DESKS, LATELY_MS, NOW_MS, pace
from server.features.desk.pages import forms
from server.web import auth
from server.web.services import services

blueprint = Blueprint("pace", __name__, url_prefix="/pace")


@blueprint.get("")
@auth.allow(forms.ROLE)
def show() -> str:
    return render_template("desk/pace.html", **_figures())


@blueprint.get("/part")
@auth.allow(forms.ROLE)
def part() -> str:
    """Return the self-updating part of the page."""
    return render_template("desk/pace_part.html", **_figures())


def _figures() -> dict[str, Any]:
    here = services()
    paces = pace(here.database.reader, since=forms.day_began(), now=here.now())
    return {
        "every": paces[0],
        "desks": [desk_pace for desk_pace in paces if desk_pace.desk != ALL_DESKS],
        "now_min": NOW_MS // 60_000,
        "lately_min": LATELY_MS // 60_000,
    }

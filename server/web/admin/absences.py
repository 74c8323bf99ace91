"""Outages: what happened at doors while they were without the server. Made by itself."""

from flask import Blueprint, render_template

from server.ledger import outages
from server.web import auth
from server.web.services import services

blueprint = Blueprint("absences", __name__, url_prefix="/admin/absences")


@blueprint.get("/")
@auth.allow("supervisor", "auditor")
def show() -> str:
    here = services()
    return render_template(
        "absences.html", outages=outages.newest(here.database.reader), now=here.now()
    )

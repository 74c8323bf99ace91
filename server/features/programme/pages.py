"""The URLs of the forum's pages."""

from flask import Blueprint

from server.features.programme import activities, exhibition, forum, organisations, speakers

blueprint = Blueprint("programme", __name__, url_prefix="/admin/programme")
for rule, endpoint, view in (
    ("/", "forum", forum.show),
    ("/countries", "countries", forum.countries),
    ("/activities", "activities", activities.search),
    ("/activities/<code>", "activity", activities.show),
    ("/speakers", "speakers", speakers.search),
    ("/organisations", "organisations", organisations.search),
    ("/organisations/<code>", "organisation", organisations.show),
    ("/exhibition", "exhibition", exhibition.show),
):
    blueprint.add_url_rule(rule, endpoint, view)

"""Serves the badge desk's pages under `/desk`, for touch and for the keyboard alone.

Begin with `home.py`, the box in which a clerk types. Every form comes through `forms.py`, which
gives it a nonce and the mark of what its page showed.
"""

from flask import Blueprint

from server.features.desk.pages import (
    correction,
    forms,
    home,
    other_ways,
    pace,
    paper,
    person,
    photo,
    walk_in,
)

blueprint = Blueprint("desk", __name__, url_prefix="/desk")
for part in (home, person, correction, walk_in, paper, photo, other_ways, pace):
    blueprint.register_blueprint(part.blueprint)
blueprint.context_processor(forms.context)

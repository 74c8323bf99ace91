"""The badge desk's pages under `/desk`.

Begin with `home.py`, the search box. Every form goes through `forms.py`.
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

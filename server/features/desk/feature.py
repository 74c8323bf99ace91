from badges.i18n import N_
from server.features.desk import pages as desk
from server.web import auth
from server.web.feature import PEOPLE, Feature, Menu


def _landing() -> str:
    user = auth.user()
    return "desk.home.show" if user is not None and user.role == "badge_desk" else ""


FEATURE = Feature(
    others=(desk.blueprint,),
    menu=(
        Menu(
            45,
            "desk.home.show",
            N_("Badge desk"),
            PEOPLE,
            N_("print, hand over, walk-in, lost badge"),
        ),
    ),
    landing=_landing,
)

from collections.abc import Sequence

from badges.i18n import N_, Phrase, counted, joined
from server.core.staff import pins, users
from server.web.feature import Step
from server.web.services import Services


def steps(here: Services) -> Sequence[Step]:
    """The steps for users and second factors. Supervisors at doors need a PIN."""
    db = here.database.reader
    current = [user for user in users.users(db) if not user.disabled]
    with_pin = len(pins.supervisors(db))
    parts = (counted("%(num)s user", "%(num)s users", len(current)),
             Phrase("%(count)s with a PIN for the doors", count=with_pin))  # fmt: skip
    admins = [user for user in current if user.role == "admin" and not user.signed_on]
    safe = sum(user.has_factor for user in admins)
    words = Phrase("%(safe)s of %(admins)s admins have one", safe=safe, admins=len(admins))
    return (
        Step(130, N_("Users"), joined(" · ", parts), len(current) > 1 and with_pin > 0,
             "admin.users.show"),
        Step(140, N_("Second factor"), words, safe == len(admins), "admin.factors.show"),
    )  # fmt: skip

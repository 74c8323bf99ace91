from badges.i18n import Phrase, counted
from server.core.alerts.alerts import Alert, Kind
from server.core.alerts.sources import AlertContext
from server.core.staff import users

ROLE = "admin"


def of_admins(context: AlertContext) -> list[Alert]:
    """Report how many admins lack a second factor, if `alert_second_factor` is set and none is
    enforced. An identity provider's users are not counted.
    """
    settings = context.event.settings
    if not settings.alert_second_factor or ROLE in settings.second_factor_roles:
        return []
    admins = [
        user
        for user in users.users(context.db)
        if user.role == ROLE and not user.disabled and not user.signed_on
    ]
    lacking = sum(not user.has_factor for user in admins)
    if not lacking:
        return []
    problem = counted(
        "%(num)s of %(admins)s admins has no second factor",
        "%(num)s of %(admins)s admins have no second factor",
        lacking,
        admins=len(admins),
    )
    todo = Phrase(
        "Anyone who gets this password has full control. Each admin sets a second factor up on "
        "Your account; the server's operator can make it required."
    )
    return [Alert(Kind.NO_FACTOR, "admins", level=lacking, what=problem, todo=todo)]

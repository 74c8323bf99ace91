"""Alerts on admins without a second factor."""

from server.core.alerts.alerts import Kind, Trouble
from server.core.alerts.sources import AlertContext
from server.core.staff import users

ROLE = "admin"


def of_admins(context: AlertContext) -> list[Trouble]:
    """Report the number of admins without a second factor, if the setting asks for it and does not
    enforce one.

    Admins who sign on through an identity provider are excluded.
    """
    settings = context.event.settings
    if not settings.alert_second_factor or ROLE in settings.second_factor_roles:
        return []
    admins = [
        one
        for one in users.users(context.db)
        if one.role == ROLE and not one.disabled and not one.signed_on
    ]
    lacking = sum(not one.has_factor for one in admins)
    if not lacking:
        return []
    values = {"lacking": lacking, "admins": len(admins)}
    return [Trouble(Kind.NO_FACTOR, "admins", level=lacking, values=values)]

"""The alert on phones with an earlier version of the page."""

from badges.i18n import Phrase, counted
from server.core.alerts.alerts import Alert
from server.core.alerts.sources import AlertContext
from server.core.kiosks import phones
from server.features.phone_doors.version import files_version


def of_outdated(context: AlertContext) -> list[Alert]:
    if not any(row.is_phone for row in context.kiosks):
        return []
    outdated = phones.outdated(context.kiosks, files_version())
    if not outdated:
        return []
    return [
        Alert(
            "phone_doors.outdated",
            "",
            since=0,
            what=counted(
                "%(num)s phone runs an earlier version of the page",
                "%(num)s phones run an earlier version of the page",
                len(outdated),
            ),
            todo=Phrase("Ask them to update. A phone updates once its scans are sent."),
            where=Phrase("Phones as doors"),
            page=("admin.phone_doors.show", {}),
            remedy_at="admin.phone_doors.update",
        )
    ]

"""The alert on the restic repository."""

from badges.i18n import Phrase
from server.core.alerts.alerts import Alert
from server.core.alerts.sources import AlertContext
from server.features.backup.sending import Sending


def of_repository(context: AlertContext) -> list[Alert]:
    sending = None if context.server is None else context.server.find(Sending)
    if sending is None or not sending.sent.trouble:
        return []
    return [
        Alert(
            "backup.repository",
            "",
            since=sending.sent.failing_since,
            what=Phrase("Backups are not sent elsewhere"),
            todo=sending.sent.trouble,
            where=Phrase("Server"),
            page=("admin.backup.show", {}),
            remedy_at="admin.backup.show",
        )
    ]

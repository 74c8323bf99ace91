"""Alerts on forged and copied badges within the last hour."""

from badges.i18n import Phrase, counted
from server.core.alerts.alerts import Alert, Kind
from server.core.alerts.sources import AlertContext

RECENT_MS = 3_600_000
ROWS_MAX = 500


def of_badges(context: AlertContext) -> list[Alert]:
    db, now = context.db, context.now
    forged: dict[int, list[int]] = {}
    copied: dict[int, list[int]] = {}
    for row in db.execute(
        # The condition matches the partial index `scan_spoiled`.
        "SELECT number, reason, serial, door_id, received_at FROM scan"
        " WHERE reason IN ('forged', 'likely_copy') ORDER BY number DESC LIMIT ?",
        (ROWS_MAX,),
    ):
        if row["received_at"] < now - RECENT_MS:
            break
        if row["reason"] == "forged":
            forged.setdefault(row["door_id"], []).append(row["number"])
        elif row["serial"] is not None:
            copied.setdefault(row["serial"], []).append(row["number"])
    for row in db.execute(
        "SELECT n.number, n.noticed_at, s.serial FROM discrepancy n JOIN scan s"
        " ON s.number = n.number WHERE n.reason IN ('likely_copy', 'fast_move')"
        " AND s.serial IS NOT NULL ORDER BY n.discrepancy_id DESC LIMIT ?",
        (ROWS_MAX,),
    ):
        if row["noticed_at"] < now - RECENT_MS:
            break
        copied.setdefault(row["serial"], []).append(row["number"])
    alerts = []
    for door, numbers in forged.items():
        problem = counted(
            "%(num)s forged badge in an hour", "%(num)s forged badges in an hour", len(numbers)
        )
        todo = Phrase("Send security to the door: these badges are forged.")
        alerts.append(Alert(Kind.FORGED, str(door), level=len(numbers), what=problem, todo=todo))
    for serial, numbers in copied.items():
        times = len(set(numbers))
        problem = counted(
            "Likely a copied badge, seen %(num)s time",
            "Likely a copied badge, seen %(num)s times",
            times,
        )
        todo = Phrase(
            "Look at both entries, ask for an ID, and reissue the badge if it was copied."
        )
        alerts.append(Alert(Kind.COPIED, str(serial), level=times, what=problem, todo=todo))
    return alerts

"""Reports the begin and end of alerts that features list for webhooks."""

from badges.i18n import N_
from server.features.integrations import notices
from server.features.integrations.topics.topic import Alerts, Topic
from server.storage.connection import Connection
from server.storage.database import Database

_Keys = frozenset[tuple[str, str]]


def compare(database: Database, alerts: Alerts, now: int) -> None:
    with database.reading() as db:
        current = frozenset((alert.kind, alert.about) for alert in alerts(db, now))
        has_changed = current != _noted(db)
    if has_changed:
        database.write(lambda db: _note(db, current, now))


def _noted(db: Connection) -> _Keys:
    rows = db.execute("SELECT kind, subject FROM webhook_alert").fetchall()
    return frozenset((row["kind"], row["subject"]) for row in rows)


def _note(db: Connection, current: _Keys, now: int) -> None:
    before = _noted(db)
    for kind, subject in sorted(current - before):
        db.execute("INSERT INTO webhook_alert VALUES (?, ?, ?)", (kind, subject, now))
        notices.add(db, TOPIC.name, "trouble.began", _data(kind, subject), now)
    for kind, subject in sorted(before - current):
        db.execute("DELETE FROM webhook_alert WHERE kind = ? AND subject = ?", (kind, subject))
        notices.add(db, TOPIC.name, "trouble.ended", _data(kind, subject), now)


def _data(kind: str, subject: str) -> dict[str, str]:
    name, _, _ = kind.partition(".")
    return {"trouble": kind, **({name: subject} if subject else {})}


TOPIC = Topic("troubles", N_("Alerts that begin and end"), every_5_s=compare)

"""Alerts about the witnesses and the time-stamping authority."""

from badges.i18n import Phrase
from server.core.alerts.alerts import Alert
from server.core.alerts.sources import AlertContext
from server.core.entry_log import outside
from server.core.entry_log.outside import AUTHORITY, Code, OutsideFailure
from server.features.evidence.witnesses import asking

# A shorter silence may be a network outage.
AWAY_MS = 10 * 60_000


def of_outside(context: AlertContext) -> list[Alert]:
    settings, now = context.event.settings, context.now
    noted = {failure.who: failure for failure in outside.failures(context.db)}
    alerts = []
    for witness in asking.witnesses(settings):
        failure = noted.get(outside.of_witness(witness.name))
        if failure is not None and _tells(failure, now):
            # The name may contain a slash, which an alert's URL can't; the mark has none.
            alerts.append(
                _alert("witness", witness.mark, _of_witness(witness.name, failure), failure)
            )
    failure = noted.get(AUTHORITY)
    if settings.time_authority is not None and failure is not None and _tells(failure, now):
        alerts.append(_alert("time_stamp", AUTHORITY, _of_authority(failure), failure))
    return alerts


def of_contradictions(context: AlertContext) -> list[Alert]:
    return [
        Alert("witness.contradicts", failure.who.removeprefix(outside.of_witness("")))
        for failure in outside.failures(context.db)
        if failure.code.grave
    ]


def _tells(failure: OutsideFailure, now: int) -> bool:
    return failure.code is not Code.AWAY or not 0 <= now - failure.since < AWAY_MS


def _alert(kind: str, about: str, words: tuple[Phrase, Phrase], failure: OutsideFailure) -> Alert:
    problem, todo = words
    return Alert(
        kind,
        about,
        grave=failure.code.grave,
        level=2 if failure.code.grave else 1 if failure.code is not Code.AWAY else 0,
        since=failure.since,
        what=problem,
        todo=todo,
        where=Phrase("Entry log"),
        page=("admin.log.integrity", {}),
        remedy_at="admin.log.integrity",
    )


def _of_witness(name: str, failure: OutsideFailure) -> tuple[Phrase, Phrase]:
    values = {"name": name, "words": failure.words}
    match failure.code:
        case Code.FORK:
            problem = Phrase(
                "Witness %(name)s knows another history of the entry log: %(words)s", **values
            )
        case Code.AHEAD:
            problem = Phrase(
                "Witness %(name)s has seen a longer entry log than this one: %(words)s", **values
            )
        case Code.UNKNOWN:
            return Phrase("Witness %(name)s does not know this entry log", **values), Phrase(
                "Ask its operator to add the log's key, as `hallkeeper audit key` prints it."
            )
        case Code.SET_BACK:
            return (
                Phrase("Witness %(name)s has lost its cosignatures: %(words)s", **values),
                Phrase("Ask its operator whether it was restored from a copy."),
            )
        case Code.AWAY:
            return (
                Phrase("Witness %(name)s does not answer: %(words)s", **values),
                Phrase("The request is repeated automatically. No door waits for it."),
            )
        case _:
            return (
                Phrase("Witness %(name)s answers wrongly: %(words)s", **values),
                Phrase("Ask its operator. Your server's operator can remove it from the settings."),
            )
    return problem, Phrase(
        "Was the database restored by hand, or rewritten? Leave it unchanged, export the log, "
        "and compare it with the witness's (docs/entry-log.md)."
    )


def _of_authority(failure: OutsideFailure) -> tuple[Phrase, Phrase]:
    if failure.code is Code.AWAY:
        return (
            Phrase("The time-stamping authority does not answer: %(words)s", words=failure.words),
            Phrase("The request is repeated automatically. No door waits for it."),
        )
    return (
        Phrase("The entry log has no time stamp: %(words)s", words=failure.words),
        Phrase(
            "Ask the authority, or have the server's operator check its settings "
            "(time_authority in event.toml)."
        ),
    )

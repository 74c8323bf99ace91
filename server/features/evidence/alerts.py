"""Alerts about the witnesses and the time-stamping authority."""

from badges.i18n import Phrase
from server.core.alerts.alerts import Trouble
from server.core.alerts.sources import AlertContext
from server.core.entry_log import outside as troubles
from server.core.entry_log.outside import AUTHORITY, Code, OutsideTrouble
from server.features.evidence.witnesses import asking

# A shorter silence is taken for a network outage.
AWAY_MS = 10 * 60_000


def of_outside(context: AlertContext) -> list[Trouble]:
    settings, now = context.event.settings, context.now
    noted = {trouble.who: trouble for trouble in troubles.all_troubles(context.db)}
    alerts = []
    for witness in asking.witnesses(settings):
        trouble = noted.get(troubles.of_witness(witness.name))
        if trouble is not None and _tells(trouble, now):
            # The name may contain a slash, which an alert's URL can't; the key's mark has none.
            alerts.append(
                _alert("witness", witness.mark, _of_witness(witness.name, trouble), trouble)
            )
    trouble = noted.get(AUTHORITY)
    if settings.time_authority is not None and trouble is not None and _tells(trouble, now):
        alerts.append(_alert("time_stamp", AUTHORITY, _of_authority(trouble), trouble))
    return alerts


def of_contradictions(context: AlertContext) -> list[Trouble]:
    return [
        Trouble("witness.contradicts", trouble.who.removeprefix(troubles.of_witness("")))
        for trouble in troubles.all_troubles(context.db)
        if trouble.code.grave
    ]


def _tells(trouble: OutsideTrouble, now: int) -> bool:
    return trouble.code is not Code.AWAY or not 0 <= now - trouble.since < AWAY_MS


def _alert(kind: str, about: str, words: tuple[Phrase, Phrase], trouble: OutsideTrouble) -> Trouble:
    problem, todo = words
    return Trouble(
        kind,
        about,
        grave=trouble.code.grave,
        level=2 if trouble.code.grave else 1 if trouble.code is not Code.AWAY else 0,
        since=trouble.since,
        what=problem,
        todo=todo,
        where=Phrase("Entry log"),
        page=("admin.log.integrity", {}),
    )


def _of_witness(name: str, trouble: OutsideTrouble) -> tuple[Phrase, Phrase]:
    values = {"name": name, "words": trouble.words}
    match trouble.code:
        case Code.FORK:
            problem = Phrase(
                "Witness %(name)s knows another history of the entry log: %(words)s", **values
            )
        case Code.AHEAD:
            problem = Phrase(
                "Witness %(name)s saw more of the entry log than is here: %(words)s", **values
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
                Phrase("Ask its operator, or take it out of event.toml."),
            )
    return problem, Phrase(
        "Was the database restored by hand, or rewritten? Leave it unchanged, export the log, "
        "and compare it with the witness's (docs/entry-log.md)."
    )


def _of_authority(trouble: OutsideTrouble) -> tuple[Phrase, Phrase]:
    if trouble.code is Code.AWAY:
        return (
            Phrase("The time-stamping authority does not answer: %(words)s", words=trouble.words),
            Phrase("The request is repeated automatically. No door waits for it."),
        )
    return (
        Phrase("The entry log has no time stamp: %(words)s", words=trouble.words),
        Phrase("Look at the settings time_authority in event.toml, or ask the authority."),
    )

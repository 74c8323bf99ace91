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
    """Return the alerts about the witnesses and the authority in the event's settings."""
    settings, now = context.event.settings, context.now
    noted = {one.who: one for one in troubles.all_troubles(context.db)}
    found = []
    for witness in asking.witnesses(settings):
        one = noted.get(troubles.of_witness(witness.name))
        if one is not None and _tells(one, now):
            # The name may contain a slash, which an alert's URL can't; the key's mark has none.
            found.append(_alert("witness", witness.mark, _of_witness(witness.name, one), one))
    one = noted.get(AUTHORITY)
    if settings.time_authority is not None and one is not None and _tells(one, now):
        found.append(_alert("time_stamp", AUTHORITY, _of_authority(one), one))
    return found


def of_contradictions(context: AlertContext) -> list[Trouble]:
    return [
        Trouble("witness.contradicts", one.who.removeprefix(troubles.of_witness("")))
        for one in troubles.all_troubles(context.db)
        if one.code.grave
    ]


def _tells(one: OutsideTrouble, now: int) -> bool:
    return one.code is not Code.AWAY or not 0 <= now - one.since < AWAY_MS


def _alert(kind: str, about: str, words: tuple[Phrase, Phrase], one: OutsideTrouble) -> Trouble:
    what, todo = words
    return Trouble(
        kind,
        about,
        grave=one.code.grave,
        level=2 if one.code.grave else 1 if one.code is not Code.AWAY else 0,
        since=one.since,
        what=what,
        todo=todo,
        where=Phrase("Entry log"),
        page=("admin.log.integrity", {}),
    )


def _of_witness(name: str, one: OutsideTrouble) -> tuple[Phrase, Phrase]:
    """Return the problem and the remedy."""
    values = {"name": name, "words": one.words}
    match one.code:
        case Code.FORK:
            what = Phrase(
                "Witness %(name)s knows another history of the entry log: %(words)s", **values
            )
        case Code.AHEAD:
            what = Phrase(
                "Witness %(name)s saw more of the entry log than is here: %(words)s", **values
            )
        case Code.UNKNOWN:
            return Phrase("Witness %(name)s does not know this entry log", **values), Phrase(
                "Ask who runs it to add the log's key, as `hallkeeper audit key` prints it."
            )
        case Code.SET_BACK:
            return (
                Phrase("Witness %(name)s has forgotten what it cosigned: %(words)s", **values),
                Phrase("Ask who runs it whether it was put back from a copy."),
            )
        case Code.AWAY:
            return (
                Phrase("Witness %(name)s does not answer: %(words)s", **values),
                Phrase("It is asked again by itself. No door waits for it."),
            )
        case _:
            return (
                Phrase("Witness %(name)s answers wrongly: %(words)s", **values),
                Phrase("Ask who runs it, or take it out of event.toml."),
            )
    return what, Phrase(
        "Was the database put back by hand, or rewritten? Keep it as it is, export the log, and"
        " compare it with what the witness has (docs/entry-log.md)."
    )


def _of_authority(one: OutsideTrouble) -> tuple[Phrase, Phrase]:
    if one.code is Code.AWAY:
        return (
            Phrase("The time-stamping authority does not answer: %(words)s", words=one.words),
            Phrase("It is asked again by itself. No door waits for it."),
        )
    return (
        Phrase("There is no time stamp of the entry log: %(words)s", words=one.words),
        Phrase("Look at the settings time_authority in event.toml, or ask the authority."),
    )

"""Finds troubles with those who confirm the entry log from outside."""

from server.core.alerts.alerts import Kind, Trouble
from server.core.alerts.sources import AlertContext
from server.core.entry_log import outside as troubles
from server.core.entry_log.outside import AUTHORITY, Code, OutsideTrouble
from server.features.evidence.witnesses import asking

# Who did not answer for so long is a trouble. A shorter time is an outage of a network.
AWAY_MS = 10 * 60_000


def of_outside(context: AlertContext) -> list[Trouble]:
    """Return what is wrong with the witnesses and the authority that the event asks now."""
    settings, now = context.event.settings, context.now
    noted = {one.who: one for one in troubles.all_troubles(context.db)}
    found = []
    for witness in asking.witnesses(settings):
        one = noted.get(troubles.of_witness(witness.name))
        if one is not None and _tells(one, now):
            # The name may have a slash, which no link to a trouble takes. The key's mark has none.
            found.append(_trouble(Kind.WITNESS, witness.mark, witness.name, one))
    one = noted.get(AUTHORITY)
    if settings.time_authority is not None and one is not None and _tells(one, now):
        found.append(_trouble(Kind.TIME_STAMP, AUTHORITY, "", one))
    return found


def of_contradictions(context: AlertContext) -> list[Trouble]:
    """List the witnesses that contradict the entry log."""
    return [
        Trouble("witness.contradicts", one.who.removeprefix(troubles.of_witness("")))
        for one in troubles.all_troubles(context.db)
        if one.code.grave
    ]


def _tells(one: OutsideTrouble, now: int) -> bool:
    return one.code is not Code.AWAY or not 0 <= now - one.since < AWAY_MS


def _trouble(kind: Kind, about: str, name: str, one: OutsideTrouble) -> Trouble:
    values = {"name": name, "code": one.code.value, "words": one.words}
    level = 2 if one.code.grave else 1 if one.code is not Code.AWAY else 0
    return Trouble(kind, about, one.code.grave, level, one.since, values)

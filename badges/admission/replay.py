"""Where the server, knowing more, would have answered otherwise than a door did. It never overrules
the door.
"""

from badges.admission.facts import Admitted, Decision, Flag, Reason
from badges.record import ScanRecord

# A door's own state, which the server cannot know better.
_LOCAL = frozenset(
    {Reason.HALL_FULL, Reason.KIOSK_RETIRED, Reason.DOOR_RESTING, Reason.FACTS_TOO_OLD}
)


def discrepancy(record: ScanRecord, answer: Decision) -> str | None:
    """What the server's answer has that the door's had not: a reason, `admitted` or `passback`.

    None where they agree. Exits, overrides and annulments are staff's or the holder's own acts, and
    what no credential stood behind can't be replayed.
    """
    if record.direction != "entry" or record.act != "scan" or record.serial is None:
        return None
    if record.decision == "denied":
        if isinstance(answer, Admitted) and record.reason not in _LOCAL:
            return "admitted"
        return None
    if not isinstance(answer, Admitted):
        return None if answer.reason in _LOCAL else answer.reason.value
    if Flag.PASSBACK in answer.flags and Flag.PASSBACK.value not in record.flags:
        return Flag.PASSBACK.value
    return None

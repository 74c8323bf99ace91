"""Finds where the server, knowing more, would have answered otherwise than a door did. It never
overrules the door.
"""

from badges.admission.facts import Admitted, Decision, Flag, Reason
from badges.record import ScanRecord

# These come from the door's own state, which the server cannot know better.
_LOCAL = frozenset(
    {
        *(Reason.HALL_FULL, Reason.KIOSK_RETIRED, Reason.DOOR_RESTING),
        *(Reason.FACTS_TOO_OLD, Reason.ROLL_CALL, Reason.BEFORE_RESTART),
    }
)
# A door knows these by the server's word, perhaps a moment after its scan by another clock, or
# because it has seen the other card.
_HEARD = frozenset({Reason.LIKELY_COPY, Reason.DAY_CREDENTIAL})
# Flags for facts that a door may not have heard of yet, the gravest first.
_SEEN = (Flag.LIKELY_COPY, Flag.PASSBACK)


def discrepancy(record: ScanRecord, answer: Decision) -> str | None:
    """Return what the server's answer has that the door's had not, which is a reason, `admitted`,
    or a flag.

    It is None where they agree. Exits, overrides and annulments are staff's or the holder's own
    acts. What no credential stood behind can't be replayed.
    """
    if record.direction != "entry" or record.act != "scan" or record.serial is None:
        return None
    if record.decision == "denied":
        if isinstance(answer, Admitted) and record.reason not in _LOCAL | _HEARD:
            return "admitted"
        return None
    if not isinstance(answer, Admitted):
        return None if answer.reason in _LOCAL else answer.reason.value
    missed = [flag for flag in _SEEN if flag in answer.flags and flag.value not in record.flags]
    return missed[0].value if missed else None

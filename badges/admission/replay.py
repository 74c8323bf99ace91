"""Compares a door's decision with the server's, which knows more. It never overrules the door."""

from badges.admission.facts import Admitted, Decision, Flag, Reason
from badges.record import ScanRecord

# From the door's own state, which the server cannot know better.
_LOCAL = frozenset(
    {
        *(Reason.HALL_FULL, Reason.KIOSK_RETIRED, Reason.DOOR_RESTING),
        *(Reason.FACTS_TOO_OLD, Reason.ROLL_CALL, Reason.BEFORE_RESTART),
    }
)
# Facts that a door hears from the server, perhaps just after its scan, or sees by itself.
_HEARD = frozenset({Reason.LIKELY_COPY, Reason.DAY_CREDENTIAL})
# Flags for facts that a door may not have heard yet, gravest first.
_SEEN = (Flag.LIKELY_COPY, Flag.PASSBACK)


def discrepancy(record: ScanRecord, answer: Decision) -> str | None:
    """The server's answer where it differs from the door's: a reason, `admitted`, or a flag.

    None if they agree. Exits, overrides and annulments are decisions of people, and a scan without
    a credential can't be judged again; for these it is None too.
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

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from badges.admission.facts import Admitted, Decision, Denied, Direction, Reason, Scan
from badges.admission.phrases import Explanation, Language, Tone, explain, tone
from badges.credential.credential import Credential
from badges.wire.wire import CategoryFacts, HolderName
from kiosk.door.programme import Speaks, speaks_here
from kiosk.replica.door_context import DoorContext, text_in
from kiosk.texts import catalogue
from kiosk.texts.catalogue import each

# Reasons that make the holder's identity doubtful, or that are no occasion for a greeting.
_DOUBTFUL = frozenset(
    {
        Reason.ROLL_CALL,
        *(Reason.REVOKED, Reason.SUPERSEDED, Reason.LIKELY_COPY),
        *(Reason.DAY_CREDENTIAL, Reason.EXPIRED),
    }
)


@dataclass(frozen=True)
class Answer:
    """The door's message to its steward about one presentation. It exists only once its record is
    on disk. Names and texts are by language.
    """

    decision: Decision
    direction: Direction
    scanned_at: int  # Unix ms by the kiosk's clock
    seq: int  # sequence of the record in the journal
    serial: int | None  # None without a badge of this event
    holder: HolderName | None  # None if unknown
    category: CategoryFacts | None
    # Free places at this door after this answer, in the hall of this door that has the fewest.
    free_places: int
    door_names: Mapping[str, str] = field(default_factory=dict)
    hall_names: Mapping[str, str] = field(default_factory=dict)
    explanation: Mapping[str, Explanation] = field(default_factory=dict)
    # Names of the hall of `free_places`, if it is an outer hall.
    free_names: Mapping[str, str] = field(default_factory=dict)
    act: Literal["scan", "override", "annul"] = "scan"
    by: str = ""  # the supervisor's name, if one acted
    badge: Credential | None = field(default=None, repr=False)  # the badge of the decision
    speaks: Speaks | None = None  # the holder speaks here today

    @property
    def admitted(self) -> bool:
        return isinstance(self.decision, Admitted)

    @property
    def passes(self) -> bool:
        return self.admitted and self.act != "annul"

    @property
    def tone(self) -> Tone:
        return tone(self.decision, self.direction)


def make_answer(
    scan: Scan,
    decision: Decision,
    context: DoorContext,
    *,
    seq: int,
    free: tuple[int, int],
    holder: HolderName | None,
    by: str = "",
) -> Answer:
    """The answer to a scan. `free` is the number of places and their hall."""
    badge = scan.badge if isinstance(scan.badge, Credential) else None
    return Answer(
        decision=decision,
        direction=scan.direction,
        scanned_at=scan.scanned_at,
        seq=seq,
        serial=badge.serial if badge else None,
        holder=holder,
        category=context.categories.get(badge.category) if badge else None,
        free_places=free[0],
        free_names=context.outer_names.get(free[1], {}),
        door_names=context.door.names,
        hall_names=context.hall_names,
        explanation=each(lambda lang: explain_in(lang, scan, decision, context)),
        by=by,
        badge=badge,
        speaks=_speaks(scan, decision, context, badge),
    )


def _speaks(
    scan: Scan, decision: Decision, context: DoorContext, badge: Credential | None
) -> Speaks | None:
    if badge is None or scan.direction is Direction.EXIT:
        return None
    if isinstance(decision, Denied) and decision.reason in _DOUBTFUL:
        return None
    return speaks_here(context, badge.serial, scan.scanned_at)


def explain_in(
    language: Language, scan: Scan, decision: Decision, context: DoorContext
) -> Explanation:
    return explain(
        decision,
        scan.direction,
        language=language,
        words=catalogue.ANSWERS.get(language),
        time_zone=context.time_zone,
        at=scan.scanned_at,
        categories={code: text_in(c.names, language) for code, c in context.categories.items()},
        category=scan.badge.category if isinstance(scan.badge, Credential) else None,
        hall=text_in(context.hall_names, language),
        sessions={key: text_in(t, language) for key, t in context.session_titles.items()},
        doors={door: text_in(names, language) for door, names in context.door_names.items()},
        outer={hall: text_in(names, language) for hall, names in context.outer_names.items()},
        is_number=scan.is_number,
    )

"""What a door tells its steward about one presentation: the decision, the holder, and the words."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from badges.admission.facts import Admitted, Decision, Direction, Flag
from badges.admission.phrases import Explanation, Tone, tone
from badges.wire import CategoryFacts, HolderName


@dataclass(frozen=True)
class Answer:
    """One answer. It exists only once its record is on disk. Names and words are by language."""

    decision: Decision
    direction: Direction
    scanned_at: int  # kiosk's clock, Unix ms
    seq: int  # of the journal's record; a repeated answer has the first one's
    serial: int | None  # None: no badge of this event
    holder: HolderName | None  # None: no name is known here
    category: CategoryFacts | None
    free_places: int  # at this door, after this answer
    door_names: Mapping[str, str] = field(default_factory=dict)
    hall_names: Mapping[str, str] = field(default_factory=dict)
    explanation: Mapping[str, Explanation] = field(default_factory=dict)

    @property
    def admitted(self) -> bool:
        return isinstance(self.decision, Admitted)

    @property
    def repeated(self) -> bool:
        """Whether this is an earlier answer, said again from the journal."""
        return isinstance(self.decision, Admitted) and Flag.REPEATED in self.decision.flags

    @property
    def tone(self) -> Tone:
        return tone(self.decision, self.direction)

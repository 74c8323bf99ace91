"""Lists the categories that every event begins with. Red means no at a door, so no category is
red.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class CategoryPlan:
    """Holds one category as a venue file or this list writes it."""

    code: int  # 0 to 255, as the credential has it.
    key: str  # As rosters and venue files have it.
    names: dict[str, str]
    letter: str
    colour: str  # #rrggbb


DEFAULT_CATEGORIES = (
    CategoryPlan(1, "delegate", {"en": "Delegate", "zh": "代表"}, "D", "#0b47cf"),
    CategoryPlan(2, "speaker", {"en": "Speaker", "zh": "演讲嘉宾"}, "S", "#5a0a8a"),
    CategoryPlan(3, "exhibitor", {"en": "Exhibitor", "zh": "参展商"}, "X", "#0d8088"),
    CategoryPlan(4, "press", {"en": "Press", "zh": "媒体"}, "P", "#2a1a08"),
    CategoryPlan(5, "staff", {"en": "Staff", "zh": "工作人员"}, "T", "#4a4a4a"),
    CategoryPlan(6, "vip", {"en": "VIP", "zh": "贵宾"}, "V", "#857508"),
    CategoryPlan(7, "visitor", {"en": "Visitor", "zh": "观众"}, "N", "#0e5010"),
)

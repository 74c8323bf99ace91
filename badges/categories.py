"""The categories that every event begins with, and how new ones are made. None is red: at a door
red means no.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from badges.colours import distance


@dataclass(frozen=True)
class CategoryPlan:
    code: int  # 0 to 255, as in the credential
    key: str  # as in rosters and venue files
    names: dict[str, str]
    letter: str
    colour: str  # #rrggbb


# Distinguishable for colour-blind eyes too (badges/colours.py), and white text is legible on each.
DEFAULT_CATEGORIES = (
    CategoryPlan(1, "delegate", {"en": "Delegate", "zh": "代表"}, "D", "#0067e6"),
    CategoryPlan(2, "speaker", {"en": "Speaker", "zh": "演讲嘉宾"}, "S", "#6b3399"),
    CategoryPlan(3, "exhibitor", {"en": "Exhibitor", "zh": "参展商"}, "X", "#007980"),
    CategoryPlan(4, "press", {"en": "Press", "zh": "媒体"}, "P", "#663800"),
    CategoryPlan(5, "staff", {"en": "Staff", "zh": "工作人员"}, "T", "#4a4a4a"),
    CategoryPlan(6, "vip", {"en": "VIP", "zh": "贵宾"}, "V", "#806c00"),
    CategoryPlan(7, "visitor", {"en": "Visitor", "zh": "观众"}, "N", "#206036"),
)

# Other names in rosters, in English and Chinese. An organiser's category of that name comes first.
SYNONYMS = {
    "delegate": "delegates participant participants attendee attendees"
    " 参会代表 与会代表 会议代表 正式代表 参会人员 与会者 參會代表 與會代表",
    "speaker": "speakers keynote presenter panellist panelist moderator"
    " 演讲人 演讲者 讲者 报告人 主讲人 主讲嘉宾 发言人 演講嘉賓 講者 主持人",
    "exhibitor": "exhibitors 参展人员 展商 参展单位 參展商 展商代表",
    "press": "media journalist journalists reporter 记者 媒体记者 新闻媒体 媒体人员 媒體 記者",
    "staff": "crew organiser organizer 工作人员 会务 会务人员 组委会 工作人員 工作證 员工",
    "vip": "vips 特邀嘉宾 重要嘉宾 特邀贵宾 贵宾嘉宾 貴賓 特邀嘉賓",
    "visitor": "visitors 参观者 观展 访客 来宾 普通观众 專業觀眾 专业观众 觀眾 訪客",
}

# Colours of new categories. None is red, and black or white text is legible on each.
_PALETTE = (
    "#b0307a", "#f2c14e", "#8fd3fe", "#1b1f5e", "#b7e4a0", "#f4a6d7", "#00a9a5", "#5d4037",
    "#c7b8ea", "#a8a800", "#000000", "#e8e2d0", "#005f3c", "#c47f00", "#3f9be0", "#9c6ade",
    "#6f8f00", "#4e7d96", "#d9b48f", "#2e2e6e",
)  # fmt: skip
CATEGORIES_MAX = 256  # the credential has one byte for it


def new_category(
    word: str, categories: Sequence[CategoryPlan], removed: Collection[int] = ()
) -> CategoryPlan:
    """Make a category named `word` with an unused number, key, letter and colour. `removed` are the
    numbers of removed categories, which badges may still carry.

    Raises ValueError if no number or no letter is left.
    """
    numbers = {category.code for category in categories} | {*removed}
    code = next((number for number in range(1, CATEGORIES_MAX) if number not in numbers), None)
    letter = free_letter(word, {category.letter for category in categories})
    if code is None or letter is None:
        raise ValueError("there are as many categories as there can be")
    keys = {category.key for category in categories}
    ascii_word = "".join(c if c.isascii() and c.isalnum() else "-" for c in word.casefold())
    key = "-".join(part for part in ascii_word.split("-") if part)[:32].strip("-")
    if not key or key in keys or not word.isascii():
        key = next(f"category-{n}" for n in range(code, 2_000) if f"category-{n}" not in keys)
    language = "zh" if any("\u3400" <= char <= "\u9fff" for char in word) else "en"
    return CategoryPlan(
        code, key, {language: word}, letter, free_colour([c.colour for c in categories])
    )


def free_letter(word: str, taken: Collection[str]) -> str | None:
    """An unused letter or digit, if possible from `word`, or None."""
    own = [char for char in word.upper() if char.isascii() and char.isalnum()]
    every = [*own, *"ABCDEFGHIJKLMNOPQRSTUVWXYZ23456789"]
    used = {letter.upper() for letter in taken}
    return next((letter for letter in every if letter not in used), None)


def free_colour(taken: Collection[str]) -> str:
    return max(
        _PALETTE, key=lambda colour: min((distance(colour, other) for other in taken), default=0)
    )

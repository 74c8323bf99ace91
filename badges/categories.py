"""Lists the categories that every event begins with, and makes new ones. Red means no at a door, so
no category is red.
"""

import math
from collections.abc import Collection, Sequence
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
    CategoryPlan(1, "delegate", {"en": "Delegate", "zh": "代表"}, "D", "#1f5fa8"),
    CategoryPlan(2, "speaker", {"en": "Speaker", "zh": "演讲嘉宾"}, "S", "#6a3d9a"),
    CategoryPlan(3, "exhibitor", {"en": "Exhibitor", "zh": "参展商"}, "X", "#0f7173"),
    CategoryPlan(4, "press", {"en": "Press", "zh": "媒体"}, "P", "#8a5a00"),
    CategoryPlan(5, "staff", {"en": "Staff", "zh": "工作人员"}, "T", "#4a4a4a"),
    CategoryPlan(6, "vip", {"en": "VIP", "zh": "贵宾"}, "V", "#7a6200"),
    CategoryPlan(7, "visitor", {"en": "Visitor", "zh": "观众"}, "N", "#2f6b2f"),
)

# What rosters call these besides, in English and Chinese. A category that an organiser gives one of
# these names comes first.
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

# From these a new category gets its colour. None is red, and black or white is read on each.
_PALETTE = (
    "#b0307a", "#f2c14e", "#8fd3fe", "#1b1f5e", "#b7e4a0", "#f4a6d7", "#00a9a5", "#5d4037",
    "#c7b8ea", "#a8a800", "#000000", "#e8e2d0", "#005f3c", "#c47f00", "#3f9be0", "#9c6ade",
    "#6f8f00", "#4e7d96", "#d9b48f", "#2e2e6e",
)  # fmt: skip
# How red, green and blue light reach eyes without green cones, and without red ones. The numbers
# are of Viénot, Brettel and Mollon, 1999.
_EYES = (
    ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    ((0.29275, 0.70725, 0.0), (0.29275, 0.70725, 0.0), (-0.02234, 0.02234, 1.0)),
    ((0.11238, 0.88762, 0.0), (0.11238, 0.88762, 0.0), (0.00401, -0.00401, 1.0)),
)
CATEGORIES_MAX = 256  # A credential has one byte for its number.


def new_category(word: str, known: Sequence[CategoryPlan]) -> CategoryPlan:
    """Make a category that is called `word`, with a number, a key, a letter and a colour that no
    other has. Raises ValueError where nothing is left.
    """
    numbers = {one.code for one in known}
    code = next((one for one in range(1, CATEGORIES_MAX) if one not in numbers), None)
    letter = free_letter(word, {one.letter for one in known})
    if code is None or letter is None:
        raise ValueError("there are as many categories as there can be")
    keys = {one.key for one in known}
    ascii_word = "".join(c if c.isascii() and c.isalnum() else "-" for c in word.casefold())
    key = "-".join(part for part in ascii_word.split("-") if part)[:32].strip("-")
    if not key or key in keys or not word.isascii():
        key = next(f"category-{n}" for n in range(code, 2_000) if f"category-{n}" not in keys)
    language = "zh" if any("\u3400" <= char <= "\u9fff" for char in word) else "en"
    return CategoryPlan(code, key, {language: word}, letter, free_colour([c.colour for c in known]))


def free_letter(word: str, taken: Collection[str]) -> str | None:
    """Return a letter or digit that no category has, of the word's own where there is one."""
    own = [char for char in word.upper() if char.isascii() and char.isalnum()]
    every = [*own, *"ABCDEFGHIJKLMNOPQRSTUVWXYZ23456789"]
    used = {letter.upper() for letter in taken}
    return next((letter for letter in every if letter not in used), None)


def free_colour(taken: Collection[str]) -> str:
    """Return the colour that is least like the others, also to eyes that do not tell red from
    green.
    """
    return max(
        _PALETTE, key=lambda one: min((difference(one, other) for other in taken), default=0)
    )


def difference(one: str, other: str) -> float:
    """Return how far two colours are apart, as CIE 1976 ΔE. It is the least of what normal eyes and
    colour-blind ones see, and 2 is hardly seen.
    """
    return min(math.dist(_lab(one, eyes), _lab(other, eyes)) for eyes in _EYES)


def _lab(colour: str, eyes: tuple[tuple[float, float, float], ...]) -> tuple[float, float, float]:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    light = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    seen = [max(0.0, sum(a * b for a, b in zip(row, light, strict=True))) for row in eyes]
    to_xyz = (
        (0.4124564 / 0.95047, 0.3575761 / 0.95047, 0.1804375 / 0.95047),
        (0.2126729, 0.7151522, 0.0721750),
        (0.0193339 / 1.08883, 0.1191920 / 1.08883, 0.9503041 / 1.08883),
    )
    x, y, z = (_cube_root(sum(a * b for a, b in zip(row, seen, strict=True))) for row in to_xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def _cube_root(value: float) -> float:
    return float(value ** (1 / 3)) if value > 216 / 24389 else value * 24389 / 27 / 116 + 16 / 116

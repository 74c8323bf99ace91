"""The faults of a day: those of its theme, and some others."""

import random
from dataclasses import dataclass

_USUAL = {"arrive": 30, "crowd": 6, "leave": 18, "talk": 20, "talk_all": 4}
_NETWORK = {"cut": 5, "lossy": 5, "restart_door": 2}
THEMES: dict[str, dict[str, int]] = {
    "quiet": {},
    "network": {"cut": 8, "lossy": 8},
    "power": {
        "restart_door": 5, "light_lost": 3, "light_seen": 4, "exit_light_lost": 2,
        "restart_server": 3,
    },
    "clocks": {"door_clock": 4, "server_clock": 4, "slip_out": 4, "set_while_away": 6},
    "copies": {"alternate": 8, "slip_out": 3},
    "server disk": {
        "copy_server": 3, "put_server_back": 3, "back_up": 3, "restore": 2, "lost_while_away": 4,
    },
    "door disk": {"copy_door": 3, "put_door_back": 2, "lose_door": 1, "found_again": 2},
    "staff": {
        "clear_hall": 2, "close_hall": 3, "capacity": 4, "override": 6, "annul": 3, "rest": 2,
        "reissue": 3,
    },
    "lost doors": {"lose_door": 3, "found_again": 3, "attest": 4, "clear_hall": 1},
    "carried doors": {"move_door": 5, "cut": 4},
    "nested": {"slip_out": 2},
}  # fmt: skip
_OTHERS = list(THEMES)  # of which a day draws a few more faults
KEPT = "kept places"
THEMES[KEPT] = {"plan_session": 8, "cut": 4, "talk_all": 4}
# Supervisors fill halls beyond their capacity, and people leave.
THEMES["overrides"] = {"beyond": 12, "override": 6, "crowd": 6, "cut": 2, "talk_all": 6}
# Scans of several doors share a commit.
THEMES["groups"] = {"group": 20, "crowd": 10, "talk_all": 4}
# Attestations about kiosks that are still in use.
THEMES["wrong words"] = {"misjudge": 6, "found_again": 3, "talk_all": 4}
PHONES = "phones"
# Forms are sent later than their pages were opened.
THEMES["opened pages"] = {"clear_later": 8, "crowd": 10, "found_again": 2, "talk_all": 6}
THEMES[PHONES] = {
    "lose_storage": 3, "copy_phone": 3, "phone_places": 3, "crowd": 10, "cut": 5, "attest": 3,
}  # fmt: skip
MUSTERS = "musters"
THEMES[MUSTERS] = {
    "begin_or_end": 20, "evacuate": 10, "hours_pass": 3, "begin_or_end_point": 10,
    "see_people": 20, "see_and_hear": 20, "steal_badge": 15, "go_back_in": 50,
    "return_by_away_door": 30, "open_list": 20, "notice_person": 20, "send_ticks": 20,
    "tick_later": 20, "tick_at_once": 12, "take_back": 2, "cut": 6, "restart_door": 3,
    "door_clock": 8, "server_clock": 8, "copy_server": 2, "put_server_back": 2, "back_up": 4,
    "restore": 3, "restart_server": 2, "override": 6, "reissue": 2, "lose_door": 2,
    "found_again": 2, "clear_hall": 12, "talk_all": 20,
}  # fmt: skip
HALLS = {"a": ("a1", "a2"), "b": ("b1", "b2"), "t": ("t1", "t2"), "o": ("o1", "r1")}


@dataclass(frozen=True)
class Mix:
    theme: str
    steps: int
    doors: frozenset[str]
    acts: tuple[str, ...]
    weights: tuple[int, ...]
    pauses_ms: tuple[int, ...]
    clock_jumps_ms: tuple[int, ...]
    moves: bool  # people go from hall to hall without a scan
    copied_badges: int
    copies: int  # of each badge


def mix_of(draw: random.Random, theme: str | None = None) -> Mix:
    """Draw a day's faults."""
    theme = theme or draw.choice(list(THEMES))
    acts = _USUAL | {"slip_out": 2} | THEMES[theme]
    if theme != "quiet" and draw.random() < 0.7:
        acts = _NETWORK | acts
    for other in draw.sample(_OTHERS, draw.randint(0, 2)):
        if theme != "quiet":
            acts = {act: max(1, weight // 2) for act, weight in THEMES[other].items()} | acts
    halls = draw.sample(list(HALLS), draw.randint(1, 3))
    if theme == "nested" and "o" not in halls:
        halls.append("o")
    if theme in ("copies", "wrong words") and len(halls) == 1:
        halls = ["a", "b"]
    if theme == "clocks" and (len(halls) == 1 or "b" not in halls):
        halls = ["a", "b"]  # a move frees places in b
    copied = draw.randint(1, 3) if theme == "copies" or draw.random() < 0.2 else 0
    return Mix(
        theme=theme,
        steps=draw.choice((60, 120)),
        doors=frozenset(door for hall in halls for door in HALLS[hall]),
        acts=tuple(acts),
        weights=tuple(acts.values()),
        pauses_ms=draw.choice(((300, 2_000, 10_000), (1_000, 60_000), (5_000, 400_000))),
        clock_jumps_ms=(-3_600_000, -300_000, -5_000, 5_000, 300_000, 3_600_000),
        moves=draw.random() < 0.7,
        copied_badges=copied,
        copies=draw.choice((3, 8)),
    )

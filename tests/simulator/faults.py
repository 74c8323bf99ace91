"""Swarm testing: each seed draws its own sizes and its own mix of faults, without some of them."""

from dataclasses import dataclass
from random import Random

# Faults besides loss, repetition, reordering, partitions, crashes and false exits.
THEMES: dict[str, frozenset[str]] = {
    "network": frozenset(),
    "lost doors": frozenset({"fence"}),
    "restores": frozenset({"restore"}),
    "restores and lost doors": frozenset({"restore", "fence"}),
    "attested": frozenset({"fence", "found again"}),
    "attested, and restores": frozenset({"restore", "fence", "found again"}),
    "attested, and trusting": frozenset({"restore", "fence", "found again", "trust"}),
    "moves": frozenset({"move", "restore"}),
    "copies": frozenset({"move", "copy"}),
    "copies, and restores": frozenset({"move", "copy", "restore"}),
    "the server's clock": frozenset({"move", "clock", "epoch"}),
    "clocks": frozenset({"move", "restore", "clock"}),
    "trusting": frozenset({"trust", "move"}),
    "trusting doors lost": frozenset({"trust", "fence"}),
    "trusting, and everything": frozenset({"trust", "restore", "fence", "move"}),
    "shifts that end": frozenset({"rest", "restore"}),
    "old disks": frozenset({"roll back", "fence"}),
    "put back silently": frozenset({"put back"}),
    "put back, restored, and lost doors": frozenset({"put back", "restore", "fence"}),
    "everything": frozenset(
        {"restore", "fence", "move", "copy", "clock", "epoch", "trust", "roll back", "rest"}
    ),
}

# Rare cases, only by name: no seed draws them, so the days of all seeds stay the same.
RARE: dict[str, frozenset[str]] = {
    "put back, and doors lost then": frozenset({"put back", "restore", "fence", "lost then"}),
    "wrong words": frozenset({"fence", "found again", "wrong word"}),
}

# Weights of steps. Those of faults outside the theme are 0.
COMMON: dict[str, tuple[float, ...]] = {
    "enter": (3, 6, 12),
    "exit": (2, 4, 8),
    "false_exit": (0, 1, 4),
    "sync": (3, 8),
    "grant": (2, 6, 12),
    "recall": (0, 1, 4),
    "partition": (0, 0.3, 1),
    "crash": (0, 0.3, 1),
    "capacity": (0, 0.2, 0.6),
    "deliver": (3, 6, 15, 30),
}
FAULTS: dict[str, dict[str, tuple[float, ...]]] = {
    "restore": {"backup": (0, 0.5), "restore": (0.1, 0.4)},
    "fence": {"fence": (0.1, 0.3), "replace": (0, 0.1), "destroy": (0, 0.1), "attest": (0, 0.3)},
    # Lost doors with many unseen records, attested soon, and found again later.
    "found again": {"sync": (0.5, 1, 3), "fence": (0.3, 1), "attest": (0.5, 2)},
    "move": {"move": (0.3, 1, 3), "hear_elsewhere": (1, 3)},
    "copy": {"copy": (0.5, 2, 6)},
    "epoch": {"server_clock": (0.1, 0.5)},
    "clock": {"clock": (0.1, 0.5)},
    "trust": {},
    "rest": {"rest": (0.2, 0.6)},
    "put back": {"backup": (0.1, 0.5), "put_back": (0.1, 0.4)},
    # Doors fenced by staff before it is noticed that the database was put back.
    "lost then": {"put_back": (0.3, 1), "fence": (0.3, 1), "destroy": (0.2, 0.5),
                  "attest": (0, 0.3, 1), "restore": (0, 0.1), "sync": (0.5, 1, 3),
                  "grant": (0.5, 1), "recall": (0,), "enter": (6, 12), "exit": (0.5, 1),
                  "false_exit": (0,), "capacity": (0,)},
    "roll back": {"image": (0.2, 1), "roll_back": (0.1, 0.3)},
    # Staff attest too few people inside of a kiosk that may still be in use.
    "wrong word": {"wrong_word": (0.5, 2), "replace": (0.1, 0.3)},
}  # fmt: skip


@dataclass(frozen=True)
class Mix:
    """One seed's world."""

    theme: str
    doors: int
    capacity: int
    capacity_max: int
    people: int
    steps: int
    loss: float
    repeat: float
    hard: bool  # anti-passback
    trusting: bool
    counted: bool  # requests have a counter, so that none is taken twice or late
    denials: bool  # refusals are recorded
    right_clocks: bool
    inferred: bool  # a move counts as leaving
    weights: dict[str, float]


def draw(random: Random, theme: str | None = None) -> Mix:
    """Draw a mix from the seed's own randomness."""
    theme = theme or random.choice(list(THEMES))
    faults = (THEMES | RARE)[theme]
    choices = dict(COMMON)
    for fault in FAULTS:
        if fault in faults:
            choices |= FAULTS[fault]
    capacity = random.choice((1, 2, 3, 5, 8, 16))
    return Mix(
        theme=theme,
        doors=random.randint(2, 5),
        capacity=capacity,
        capacity_max=random.choice((capacity, 16)),
        people=random.choice((3, 6, 12, 40)),
        steps=random.choice((200, 400, 600)),
        loss=random.choice((0, 0.1, 0.4)),
        repeat=random.choice((0, 0.15, 0.4)),
        hard=random.random() < 0.3,
        trusting="trust" in faults,
        counted="roll back" in faults or random.random() < 0.2,
        denials=random.random() < 0.1,
        right_clocks="clock" not in faults,
        inferred="move" in faults and random.random() < 0.5,
        weights={name: random.choice(weights) for name, weights in choices.items()},
    )

"""The worlds. Together they hold every act; each act meets those that touch the same data."""

from tests.worlds import late, musters, rules
from tests.worlds.venue import DoorPlan, HallPlan, Venue
from tests.worlds.world import UNLIMITED, WorldPlan

ONE_HALL = Venue((HallPlan("A"),), (DoorPlan("a1", ("A",)), DoorPlan("a2", ("A",))))
NESTED = Venue(
    (HallPlan("A"), HallPlan("B", parent="A")),
    (DoorPlan("a1", ("A",)), DoorPlan("b1", ("B", "A"))),
)
TWO_HALLS = Venue(
    (HallPlan("A"), HallPlan("B", settings='leaving = "inferred"\nanti_passback = "soft"')),
    (DoorPlan("a1", ("A",)), DoorPlan("b1", ("B",))),
)
SOFT = Venue(
    (HallPlan("A", settings='anti_passback = "soft"'),),
    (DoorPlan("a1", ("A",)), DoorPlan("a2", ("A",))),
)
# A door whose network fails has its places. The policy grants them on demand in such small halls.
GRANTED = (("grant", "a1-1"),)
GRANTED_INNER = (("grant", "b1-1"),)
PEOPLE = {"enter": UNLIMITED, "leave": 2}
NETWORK = {"talk": UNLIMITED, "cut": 1, "back": 1}

PLANS = (
    WorldPlan(
        "network", ONE_HALL, PEOPLE | NETWORK | {"lose": 1, "restart": 1, "unlit": 1},
        begins=GRANTED,
    ),
    WorldPlan("nested", NESTED, PEOPLE | NETWORK | {"lose": 1, "restart": 1}),
    WorldPlan(
        "empty hall", NESTED,
        PEOPLE | NETWORK
        | {"slip": 1, "fence": 1, "enrol": 1, "switch off": 1, "open empty": 1, "send empty": 1},
        begins=GRANTED_INNER,
    ),
    WorldPlan(
        "stopped kiosks", ONE_HALL,
        PEOPLE | NETWORK
        | {"fence": 1, "retire": 1, "enrol": 1, "switch off": 1, "attest": 1, "slip": 1},
        begins=GRANTED,
    ),
    WorldPlan(
        "thieves", ONE_HALL,
        PEOPLE | NETWORK
        | {"steal": 1, "fence": 1, "retire": 1, "lie": 1, "false exit": 1, "attest": 1},
        begins=GRANTED,
    ),
    WorldPlan(
        "server disk", ONE_HALL,
        PEOPLE | NETWORK
        | {"back up": 1, "put back": 1, "restore": 1, "fence": 1, "attest": 1, "grant": 1},
    ),
    WorldPlan(
        "stolen and restored", ONE_HALL,
        PEOPLE | {"cut": 1, "talk": UNLIMITED}
        | {"back up": 1, "restore": 1, "fence": 1, "steal": 1, "lie less": 2, "grant": 1},
    ),
    WorldPlan(
        "capacity of one hall", ONE_HALL, PEOPLE | NETWORK
        | {"fewer": 2, "more": 1, "lose": 1, "back up": 1, "restore": 1},
        begins=GRANTED,
    ),
    WorldPlan(
        "door disk", ONE_HALL, PEOPLE | NETWORK | {"keep disk": 1, "old disk": 1, "lose": 1},
        begins=GRANTED,
    ),
    WorldPlan(
        "capacity", NESTED, PEOPLE | NETWORK | {"fewer": 1, "more": 1, "nest": 1, "unnest": 1},
        begins=GRANTED_INNER,
    ),
    WorldPlan("moves", TWO_HALLS, PEOPLE | NETWORK | {"move": 1, "slip": 1}, begins=GRANTED),
    WorldPlan(
        "power", SOFT,
        PEOPLE | {"cut": 1, "back": 1, "copy": 1, "restart": 1, "unlit": 1}
        | {"no light out": 1, "leave again": 1, "behind": 1},
        copies=(0,), begins=GRANTED,
    ),
    WorldPlan(
        "overrides", ONE_HALL,
        PEOPLE | NETWORK | {"override": 1, "annul": 1, "restart": 1, "lose": 1},
        begins=GRANTED,
    ),
    WorldPlan(
        "muster", ONE_HALL,
        {"enter": UNLIMITED, "leave": 3} | NETWORK
        | musters.ACTS | {"ahead": 1, "behind": 1},
    ),
    WorldPlan(
        "wrong words", ONE_HALL,
        PEOPLE | NETWORK | {"fence": 1, "attest wrongly": 1, "enrol": 1, "slip": 1},
        begins=GRANTED,
    ),
    WorldPlan(
        "clones and clocks", ONE_HALL,
        PEOPLE | NETWORK | {"clone": 1, "ahead": 1, "behind": 1, "wait": 1},
        begins=GRANTED,
    ),
    WorldPlan(
        "opened forms", ONE_HALL,
        PEOPLE | NETWORK
        | {"fence": 1, "switch off": 1, "slip": 1, "open attest": 1, "send attest": 1},
        begins=GRANTED,
    ),
    WorldPlan(
        "second disk", ONE_HALL,
        PEOPLE | {"cut": 1, "talk": UNLIMITED}
        | {"back up": 1, "restore": 1, "fewer": 1, "fence": 1, "grant": 1} | late.DISK,
    ),
    WorldPlan(
        "late messages", ONE_HALL,
        PEOPLE | NETWORK | {"restart": 1, "restart server": 1} | late.MESSAGES,
        begins=GRANTED,
    ),
    WorldPlan(
        "badge keys", ONE_HALL,
        PEOPLE | NETWORK | {"back up": 1, "restore": 1} | rules.KEYS,
        begins=GRANTED,
    ),
    WorldPlan("erasure", SOFT, PEOPLE | NETWORK | {"copy": 1, "erase": 2, "restart": 1},
              copies=(0,), begins=GRANTED),
    WorldPlan(
        "rules of a hall", NESTED,
        PEOPLE | NETWORK | {"close": 1, "reopen": 1, "fewer": 1, "restart": 1},
        begins=GRANTED_INNER,
    ),
    WorldPlan(
        "wrong ways", NESTED,
        PEOPLE | NETWORK | {"show inside": 1, "show outside": 1, "restart": 1},
        begins=GRANTED_INNER,
    ),
    WorldPlan("copies", TWO_HALLS, PEOPLE | NETWORK | {"copy": UNLIMITED}, copies=(0,)),
)  # fmt: skip
BY_NAME = {plan.name: plan for plan in PLANS}

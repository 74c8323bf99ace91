"""How long staff wait for a search among 100,000 attendees, and supervisors for a look-up."""

import random
import sqlite3
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from badges.categories import DEFAULT_CATEGORIES
from server.people import search
from server.people.attendees import find_attendees
from server.people.lookup import look_up
from server.storage import migrations
from server.storage.database import connect
from server.venue.categories import put_category

PEOPLE = 100_000
REPEATS = 7
FAMILIES = "Keller Novak Lee Müller Łukasz Rossi Smith García Nguyễn Ivanov Haddad Okafor".split()
GIVEN = "Anna Boris Chen Zoë Gia María José Olga Fatima Kenji Ingrid Yusuf Chloé Tom".split()
HAN_FAMILIES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
HAN_GIVEN = "小明伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛超霞平刚桂兰鹏飞宇浩然子涵欣怡梓萱"
ORGANISATIONS = ("Harbour Pilots", "海事大学", "Institute of Ocean Science", "上海港务集团")
ASKED = (
    "anna", "王小明", "小明", "明", "keller", "EXT012345", "p777@example27.org", "example7.org",
    "müller gia", "harbour", "海事大学 王", "nosuchname", "陈 强", "zoe b12",
)  # fmt: skip


def fill(db: sqlite3.Connection) -> None:
    """An event's people and badges."""
    dice = random.Random(1)
    migrations.migrate(db)
    for category in DEFAULT_CATEGORIES:
        put_category(db, category)
    rows = []
    for n in range(1, PEOPLE + 1):
        if dice.random() < 0.5:
            given = "".join(dice.choices(HAN_GIVEN, k=dice.choice((1, 2, 2))))
            family = dice.choice(HAN_FAMILIES)
        else:
            given = f"{dice.choice(GIVEN)} {dice.choice('ABCDEFGH')}{dice.randrange(3000)}"
            family = dice.choice(FAMILIES)
        organisation = f"{dice.choice(ORGANISATIONS)} {dice.randrange(500)}"
        rows.append((n, f"EXT{n:06}", given, family, organisation, f"p{n}@example{n % 50}.org"))
    db.execute("BEGIN")
    db.executemany(
        "INSERT INTO attendee (serial, external_id, given_name, family_name, organisation, email,"
        " country, category, valid_days, zones, flags, language, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, 'CN', 1, 65535, 1, 0, 'en', 0)",
        rows,
    )
    badges = ((n, f"c{n}", n) for n in range(1, PEOPLE + 1))
    db.executemany("INSERT INTO badge VALUES (?, 1, ?, X'00', X'00', 0, ?)", badges)
    db.execute("COMMIT")


def timed(ask: Callable[[str], object]) -> dict[str, float]:
    """What a search takes, and how much of that is its own work on a busy machine."""
    took, cpu = [], []
    for text in ASKED:
        for _ in range(REPEATS):
            began, began_cpu = time.perf_counter(), time.process_time()
            ask(text)
            took.append((time.perf_counter() - began) * 1000)
            cpu.append((time.process_time() - began_cpu) * 1000)
    return {
        "p50_ms": round(statistics.median(took), 1),
        "p95_ms": round(statistics.quantiles(took, n=20)[-1], 1),
        "cpu_p50_ms": round(statistics.median(cpu), 1),
        "cpu_p95_ms": round(statistics.quantiles(cpu, n=20)[-1], 1),
    }


def run() -> dict[str, object]:
    with TemporaryDirectory() as folder:
        db = connect(Path(folder) / "people.db")
        try:
            fill(db)
            began = time.perf_counter()
            db.execute("BEGIN IMMEDIATE")
            search.fold(db)
            db.execute("COMMIT")
            return {
                "people": PEOPLE,
                "fold_all_s": round(time.perf_counter() - began, 2),
                "search": timed(lambda text: find_attendees(db, text)),
                "look_up": timed(lambda text: look_up(db, text)),
                "everybody": timed(lambda text: find_attendees(db, "")),
            }
        finally:
            db.close()

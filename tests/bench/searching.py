"""How long the badge desk, staff and supervisors wait for a search among 100,000 attendees.

Also the cost of the indexes, in time and in the file.
"""

import random
import sqlite3
import statistics
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from badges.categories import DEFAULT_CATEGORIES
from server.core.people import desk_search, search
from server.core.people.attendees import find_attendees
from server.core.people.lookup import look_up
from server.core.venue.categories import put_category
from server.storage import migrations
from server.storage.opening import connect
from tests.bench.event import summary, timed

PEOPLE = 100_000
REPEATS = 7
LIMIT = 20
FAMILIES = "Keller Novak Lee Müller Łukasz Rossi Smith García Nguyễn Ivanov Haddad Okafor".split()
GIVEN = "Anna Boris Chen Zoë Gia María José Olga Fatima Kenji Ingrid Yusuf Chloé Tom".split()
# Of a hundred Chinese people, about so many have each of these surnames.
HAN_FAMILIES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
HAN_WEIGHTS = (9, 9, 8, 6, 5, 4, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1)
HAN_GIVEN = "小明伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛超霞平刚桂兰鹏飞宇浩然子涵欣怡梓萱"
CITIES = "北京 上海 深圳 广州 南京 武汉 成都 西安 杭州 天津 重庆 青岛 大连 厦门 长沙".split()
TRADES = "海事 科技 理工 师范 医科 港务 航运 能源 材料 信息 农业 交通".split()
BODIES = "大学 研究院 集团有限公司 股份有限公司 技术有限公司 学会 中心".split()
ORGANISATIONS = (
    "Harbour Pilots", "Institute of Ocean Science", "清华大学", "Siemens Energy AG",
    "National University", "Ministry of Transport", "Blue Water Robotics",
)  # fmt: skip
PHONE = "13813138000"  # of the person in the middle
# As typed at a desk: whole, in part, letter by letter, wrong order, and numbers.
ASKED = (
    PHONE, f"+86 {PHONE[:3]}-{PHONE[3:7]}-{PHONE[7:]}", "王伟", "王伟 清华", "伟王", "小明", "明",
    "王", "wang", "wang wei", "wangwei", "weiwang", "wwei", "ww", "zhang", "liu zihan", "zihanliu",
    "anna", "a", "keller", "müller gia", "muller g", "zoe b12", "harbour", "清华大学 王", "清华",
    "大学 陈 强", "ocean inst", "siemens li", "EXT012345", "ORD-00777", "p777@example27.org",
    "example7.org", "nosuchname", "eller", "nguyen thi", "haddad o", "北京 航运 李",
)  # fmt: skip


def fill(db: sqlite3.Connection, people: int = PEOPLE) -> None:
    """A new event's people and badges."""
    migrations.migrate(db)
    for category in DEFAULT_CATEGORIES:
        put_category(db, category)
    add_people(db, people)


def people(path: Path, count: int) -> None:
    """Add people and badges to an existing event."""
    db = connect(path)
    try:
        add_people(db, count)
    finally:
        db.close()


def add_people(db: sqlite3.Connection, people: int) -> None:
    dice = random.Random(1)
    rows = []
    for n in range(1, people + 1):
        if dice.random() < 0.5:
            given = "".join(dice.choices(HAN_GIVEN, k=dice.choice((1, 2, 2))))
            family = dice.choices(HAN_FAMILIES, HAN_WEIGHTS)[0]
        else:
            given = f"{dice.choice(GIVEN)} {dice.choice('ABCDEFGH')}{dice.randrange(3000)}"
            family = dice.choice(FAMILIES)
        organisation = dice.choice(ORGANISATIONS)
        if dice.random() < 0.6:
            organisation = "".join(map(dice.choice, (CITIES, TRADES, BODIES)))
        email = f"p{n}@example{n % 50}.org"
        phone = f"{dice.choice(('+86 13', '13', '+44 20'))}{dice.randrange(10**9):09}"
        order = f"ORD-{n // 3:05}"
        phone = f"+86{PHONE}" if n == people // 2 else phone
        rows.append((n, f"EXT{n:06}", given, family, organisation, email, phone, order, 1 + n % 6))
    db.execute("BEGIN")
    db.executemany(
        "INSERT INTO attendee (serial, external_id, given_name, family_name, organisation, email,"
        " phone, order_number, country, category, valid_days, zones, flags, language, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'CN', ?, 65535, 1, 0, 'en', 0)",
        rows,
    )
    db.executemany(
        "INSERT INTO badge (serial, issue, credential, lookup, sealed, issued_at, names_row,"
        " printed) VALUES (?, 1, ?, X'00', X'00', 0, ?, ?)",
        ((n, f"c{n}", n, n % 2) for n in range(1, people + 1)),
    )
    db.execute("COMMIT")


def searched(ask: Callable[[str], object]) -> dict[str, object]:
    """The times of all searches, and the slowest."""
    took = {text: [timed(lambda text=text: ask(text)) for _ in range(REPEATS)] for text in ASKED}
    medians = {text: statistics.median(cpu for _, cpu in times) for text, times in took.items()}
    slowest = sorted(medians, key=medians.__getitem__, reverse=True)[:5]
    return {
        **summary([times for text in took.values() for times in text]),
        "slowest_cpu_ms": {text: round(medians[text], 1) for text in slowest},
    }


def run() -> dict[str, object]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "people.db"
        db = connect(path)
        try:
            fill(db)
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            before = path.stat().st_size
            db.execute("BEGIN IMMEDIATE")
            took, cpu = timed(lambda: search.fold(db))
            db.execute("COMMIT")
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return {
                "people": PEOPLE,
                "fold_all_s": round(took / 1000, 2),
                "fold_all_cpu_s": round(cpu / 1000, 2),
                "index_mb": round((path.stat().st_size - before) / 1e6, 1),
                "desk": searched(lambda text: desk_search.find(db, text, limit=LIMIT)),
                "search": searched(lambda text: find_attendees(db, text)),
                "look_up": searched(lambda text: look_up(db, text)),
                "everybody": searched(lambda text: find_attendees(db, "")),
            }
        finally:
            db.close()

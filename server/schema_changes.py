"""The statements of the migrations after the first tables."""

# A holder's stays by when they were over: an entry looks at those that were not, however often its
# holder has been in and out before.
STAYS = """
ALTER TABLE stay ADD COLUMN clock_known INTEGER NOT NULL DEFAULT 0;
UPDATE stay SET clock_known = EXISTS (
    SELECT 1 FROM scan s WHERE s.kiosk = stay.kiosk AND s.generation = stay.generation
    AND s.seq = stay.seq AND s.skew_ms IS NOT NULL AND NOT s.quarantined
);
DROP INDEX stay_serial;
CREATE INDEX stay_serial
    ON stay (serial, MAX(opened_at, IFNULL(closed_at, 9223372036854775807)));
CREATE INDEX place_account_kiosk ON place_account (kiosk, generation);
"""

# Another value after each change of what server/rules.py keeps, whoever makes it. At random: a
# number that was rolled back would be taken again by the next change.
_RULES = (
    "INSERT ON hall",
    "UPDATE OF code, parent_id, zones, sessions_only, anti_passback, exits ON hall",
    "DELETE ON hall",
    *(
        f"{act} ON {table}"
        for table in ("hall_category", "session", "session_category")
        for act in ("INSERT", "UPDATE", "DELETE")
    ),
)
RULES_VERSION = "INSERT INTO setting VALUES ('rules_version', hex(randomblob(16)));\n" + "".join(
    f"CREATE TRIGGER rules_{event.split()[-1]}_{event.split()[0].lower()} AFTER {event} BEGIN"
    " UPDATE setting SET value = hex(randomblob(16)) WHERE key = 'rules_version'; END;\n"
    for event in _RULES
)

UNKNOWN_HOLDERS = """
CREATE TABLE unknown_holder (
    serial INTEGER PRIMARY KEY CHECK (serial BETWEEN 0 AND 16777215),
    highest_issue INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;

CREATE TRIGGER holder_known AFTER INSERT ON attendee
WHEN EXISTS (SELECT 1 FROM unknown_holder u WHERE u.serial = NEW.serial)
BEGIN UPDATE attendee SET revoked_at = COALESCE(revoked_at,
    (SELECT revoked_at FROM unknown_holder u WHERE u.serial = NEW.serial))
    WHERE serial = NEW.serial; DELETE FROM unknown_holder WHERE serial = NEW.serial; END;
"""

# Where a door leads from, if anybody has said so: a hall around its own, or (NULL) outside.
DOOR_FROM = """
CREATE TABLE door_from (
    door_id INTEGER PRIMARY KEY REFERENCES door,
    said INTEGER NOT NULL CHECK (said IN (0, 1)),
    from_id INTEGER REFERENCES hall
) STRICT;
""" + "".join(
    f"CREATE TRIGGER rules_{event.split()[-1]}_{event.split()[0].lower()} AFTER {event} BEGIN"
    " UPDATE setting SET value = hex(randomblob(16)) WHERE key = 'rules_version'; END;\n"
    for event in (
        *("INSERT ON door", "UPDATE OF hall_id ON door", "DELETE ON door"),
        *("INSERT ON door_from", "UPDATE ON door_from", "DELETE ON door_from"),
    )
)

# One entry may open a stay in its hall and in halls around it, and one exit end such: the hall
# belongs to what names a stay. `around` is 1 where the hall is not the door's own.
STAY_HALLS = (
    ("stay", "PRIMARY KEY (kiosk, generation, seq)",
     "around INTEGER NOT NULL DEFAULT 0,\n    PRIMARY KEY (kiosk, generation, seq, hall_id)", ""),
    ("early_exit", "PRIMARY KEY (kiosk, generation, seq)",
     "hall_id INTEGER NOT NULL,\n    PRIMARY KEY (kiosk, generation, seq, hall_id)",
     # The exit that was early is in the ledger, with the hall.
     "SELECT e.*, s.hall_id FROM early_exit e CROSS JOIN leaf l CROSS JOIN scan s"
     " WHERE l.kind = 'scan' AND s.number = l.number AND s.direction = 'exit'"
     " AND json_extract(CAST(l.body AS TEXT), '$.record.closes.kiosk') = e.kiosk"
     " AND json_extract(CAST(l.body AS TEXT), '$.record.closes.generation') = e.generation"
     " AND json_extract(CAST(l.body AS TEXT), '$.record.closes.seq') = e.seq"
     " GROUP BY e.kiosk, e.generation, e.seq"),
    ("unnamed_exit", "number INTEGER PRIMARY KEY REFERENCES scan",
     "number INTEGER NOT NULL REFERENCES scan", ""),
)  # fmt: skip
UNNAMED_KEY = "CREATE UNIQUE INDEX unnamed_exit_number ON unnamed_exit (number, hall_id)"

# Who is in a hall inside another is in that one too, and from now on counts there; by which door
# they came nobody had said. And each kiosk at work there has an account with the halls around.
_AROUND = (
    "WITH RECURSIVE around (hall_id, outer_id) AS (SELECT hall_id, parent_id FROM hall"
    " WHERE parent_id IS NOT NULL UNION SELECT a.hall_id, h.parent_id FROM around a"
    " JOIN hall h ON h.hall_id = a.outer_id WHERE h.parent_id IS NOT NULL)"
)
COUNTED_AROUND = f"""
INSERT INTO stay (kiosk, generation, seq, hall_id, door_id, serial, opened_at, clock_known, around)
{_AROUND} SELECT s.kiosk, s.generation, s.seq, a.outer_id, s.door_id, s.serial, s.opened_at,
 s.clock_known, 1 FROM stay s JOIN around a ON a.hall_id = s.hall_id
 WHERE s.closed_at IS NULL AND a.outer_id <> s.hall_id;
UPDATE hall SET open_stays = open_stays + (SELECT COUNT(*) FROM stay s
 WHERE s.hall_id = hall.hall_id AND s.around);
INSERT OR IGNORE INTO place_account (hall_id, override, kiosk, generation)
{_AROUND} SELECT a.outer_id, o.column1, k.kiosk, k.generation FROM kiosk k JOIN door d
 USING (door_id) JOIN around a ON a.hall_id = d.hall_id CROSS JOIN (VALUES (0), (1)) o
 WHERE k.state = 'active' AND a.outer_id <> d.hall_id;
INSERT INTO change (body) SELECT '{{"type":"venue"}}'
 WHERE EXISTS (SELECT 1 FROM hall WHERE parent_id IS NOT NULL);
UPDATE hall SET change_cursor = (SELECT MAX(cursor) FROM change)
 WHERE hall_id IN (SELECT parent_id FROM hall);
"""

# Until then the hall's places need no new share, as long as nobody asks (server/grants.py).
SHARED_UNTIL = """
ALTER TABLE hall ADD COLUMN shared_until INTEGER NOT NULL DEFAULT 0;
"""

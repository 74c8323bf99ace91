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

# Until then the hall's places need no new share, as long as nobody asks (server/grants.py).
SHARED_UNTIL = """
ALTER TABLE hall ADD COLUMN shared_until INTEGER NOT NULL DEFAULT 0;
"""

# Each start of the server, and where in feed and entry log. Whether a kiosk was ever given the
# server's signed word ('marked'), or was believed once without (server/set_back.py).
SERVER_RUNS = """
CREATE TABLE server_run (
    run TEXT NOT NULL UNIQUE,
    since_cursor INTEGER NOT NULL,
    since_entries INTEGER NOT NULL,
    started_at INTEGER NOT NULL
) STRICT;
ALTER TABLE kiosk ADD COLUMN word TEXT NOT NULL DEFAULT 'none'
    CHECK (word IN ('none', 'believed', 'marked'));
"""

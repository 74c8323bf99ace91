"""Has the statements of the migrations, in their order. Those of a released one never change."""

PEOPLE = """
CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

CREATE TABLE user (
    user_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    password_hash TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('steward', 'supervisor', 'badge_desk', 'admin', 'auditor')),
    created_at INTEGER NOT NULL,
    disabled_at INTEGER,
    pin_hash TEXT
) STRICT;

CREATE TABLE web_session (
    token_hash BLOB PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES user,
    created_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL
) STRICT;

CREATE TABLE category (
    category INTEGER PRIMARY KEY CHECK (category BETWEEN 0 AND 255),
    code TEXT NOT NULL UNIQUE,
    names TEXT NOT NULL,
    letter TEXT NOT NULL,
    colour TEXT NOT NULL
) STRICT;

CREATE TABLE zone (
    bit INTEGER PRIMARY KEY CHECK (bit BETWEEN 0 AND 31),
    code TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE attendee (
    serial INTEGER PRIMARY KEY CHECK (serial BETWEEN 0 AND 16777215),
    external_id TEXT UNIQUE,
    given_name TEXT NOT NULL,
    family_name TEXT NOT NULL,
    organisation TEXT NOT NULL,
    country TEXT NOT NULL,
    email TEXT NOT NULL,
    category INTEGER NOT NULL REFERENCES category,
    valid_days INTEGER NOT NULL,
    zones INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    language TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;
CREATE UNIQUE INDEX attendee_email ON attendee (email COLLATE NOCASE) WHERE email <> '';

CREATE TABLE badge (
    serial INTEGER NOT NULL REFERENCES attendee,
    issue INTEGER NOT NULL CHECK (issue BETWEEN 1 AND 255),
    credential TEXT NOT NULL UNIQUE,
    lookup BLOB NOT NULL,
    sealed BLOB NOT NULL,
    issued_at INTEGER NOT NULL,
    names_row INTEGER NOT NULL UNIQUE,
    PRIMARY KEY (serial, issue)
) STRICT;
"""

VENUE = """
CREATE TABLE hall (
    hall_id INTEGER PRIMARY KEY,
    code TEXT NOT NULL UNIQUE,
    names TEXT NOT NULL,
    parent_id INTEGER REFERENCES hall,
    fire_limit INTEGER NOT NULL CHECK (fire_limit >= capacity),
    capacity INTEGER NOT NULL CHECK (capacity >= 0),
    zones INTEGER NOT NULL,
    sessions_only INTEGER NOT NULL,
    anti_passback TEXT NOT NULL CHECK (anti_passback IN ('off', 'soft', 'hard')),
    exits TEXT NOT NULL CHECK (exits IN ('strict', 'trusting')),
    facts_age_max_ms INTEGER,
    closed_at INTEGER,
    open_stays INTEGER NOT NULL DEFAULT 0 CHECK (open_stays >= 0),
    open_overrides INTEGER NOT NULL DEFAULT 0 CHECK (open_overrides >= 0),
    change_cursor INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE hall_category (
    hall_id INTEGER NOT NULL REFERENCES hall,
    category INTEGER NOT NULL REFERENCES category,
    PRIMARY KEY (hall_id, category)
) STRICT;

CREATE TABLE session (
    session_id INTEGER PRIMARY KEY,
    code TEXT NOT NULL UNIQUE,
    hall_id INTEGER NOT NULL REFERENCES hall,
    titles TEXT NOT NULL,
    starts_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL CHECK (ends_at > starts_at),
    opens_at INTEGER NOT NULL,
    closes_at INTEGER NOT NULL CHECK (closes_at > opens_at)
) STRICT;
CREATE INDEX session_hall ON session (hall_id, closes_at);

CREATE TABLE session_category (
    session_id INTEGER NOT NULL REFERENCES session,
    category INTEGER NOT NULL REFERENCES category,
    PRIMARY KEY (session_id, category)
) STRICT;

CREATE TABLE session_guest (
    session_id INTEGER NOT NULL REFERENCES session,
    serial INTEGER NOT NULL REFERENCES attendee,
    invited INTEGER NOT NULL CHECK (invited IN (0, 1)),
    PRIMARY KEY (session_id, serial)
) STRICT;
CREATE INDEX session_guest_serial ON session_guest (serial);

CREATE TABLE door (
    door_id INTEGER PRIMARY KEY,
    code TEXT NOT NULL UNIQUE,
    hall_id INTEGER NOT NULL REFERENCES hall,
    names TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('entry', 'exit', 'both'))
) STRICT;

CREATE TABLE kiosk (
    kiosk TEXT NOT NULL,
    generation INTEGER NOT NULL,
    door_id INTEGER NOT NULL REFERENCES door,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'proven', 'active', 'retired', 'fenced')),
    token_hash BLOB UNIQUE,
    token_expires_at INTEGER,
    token_tries INTEGER NOT NULL DEFAULT 0,
    public_key BLOB,
    words TEXT,
    identity BLOB,
    counter INTEGER NOT NULL DEFAULT 0,
    acked_seq INTEGER NOT NULL DEFAULT 0,
    head BLOB,
    log_size INTEGER NOT NULL DEFAULT 0,
    cursor INTEGER NOT NULL DEFAULT 0,
    resting INTEGER NOT NULL DEFAULT 0,
    seen_at INTEGER,
    health TEXT,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (kiosk, generation)
) STRICT;
"""

LEDGER = """
CREATE TABLE leaf (
    number INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    at INTEGER NOT NULL,
    hash BLOB NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE INDEX leaf_kind ON leaf (kind, number) WHERE kind <> 'scan';

CREATE TABLE scan (
    number INTEGER PRIMARY KEY REFERENCES leaf,
    kiosk TEXT NOT NULL,
    generation INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    act TEXT NOT NULL,
    direction TEXT NOT NULL,
    door_id INTEGER NOT NULL,
    hall_id INTEGER NOT NULL,
    serial INTEGER,
    issue INTEGER,
    category INTEGER,
    session_id INTEGER,
    decision TEXT NOT NULL,
    reason TEXT,
    flags TEXT NOT NULL,
    scanned_at INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    skew_ms INTEGER,
    facts_age_ms INTEGER,
    override_place INTEGER NOT NULL DEFAULT 0,
    supervisor TEXT,
    note TEXT,
    quarantined INTEGER NOT NULL DEFAULT 0,
    UNIQUE (kiosk, generation, seq)
) STRICT;
CREATE INDEX scan_serial ON scan (serial, number);
CREATE INDEX scan_hall ON scan (hall_id, number);

CREATE TABLE stay (
    kiosk TEXT NOT NULL,
    generation INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    hall_id INTEGER NOT NULL REFERENCES hall,
    door_id INTEGER NOT NULL,
    serial INTEGER NOT NULL,
    opened_at INTEGER NOT NULL,
    closed_at INTEGER,
    closed_by TEXT CHECK (closed_by IN ('exit', 'move', 'annul', 'cleared')),
    override INTEGER NOT NULL DEFAULT 0,
    gone INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (kiosk, generation, seq)
) STRICT;
CREATE INDEX stay_serial ON stay (serial, hall_id);
CREATE INDEX stay_hall ON stay (hall_id) WHERE closed_at IS NULL;

CREATE TABLE early_exit (
    kiosk TEXT NOT NULL,
    generation INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    closed_at INTEGER NOT NULL,
    closed_by TEXT NOT NULL,
    PRIMARY KEY (kiosk, generation, seq)
) STRICT;

CREATE TABLE unnamed_exit (
    number INTEGER PRIMARY KEY REFERENCES scan,
    serial INTEGER NOT NULL,
    hall_id INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX unnamed_exit_serial ON unnamed_exit (serial, hall_id);

CREATE TABLE place_account (
    hall_id INTEGER NOT NULL REFERENCES hall,
    override INTEGER NOT NULL,
    kiosk TEXT NOT NULL,
    generation INTEGER NOT NULL,
    granted INTEGER NOT NULL DEFAULT 0,
    returned INTEGER NOT NULL DEFAULT 0,
    handed_over INTEGER NOT NULL DEFAULT 0,
    reclaimed INTEGER NOT NULL DEFAULT 0,
    fenced INTEGER NOT NULL DEFAULT 0,
    awaited INTEGER NOT NULL DEFAULT 0,
    trusted INTEGER NOT NULL DEFAULT 0,
    attested INTEGER,
    free INTEGER NOT NULL DEFAULT 0,
    wanted_at INTEGER,
    rate REAL NOT NULL DEFAULT 0,
    rate_at INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (hall_id, override, kiosk, generation),
    FOREIGN KEY (kiosk, generation) REFERENCES kiosk
) STRICT;

CREATE TABLE discrepancy (
    discrepancy_id INTEGER PRIMARY KEY,
    number INTEGER NOT NULL REFERENCES scan,
    other_number INTEGER REFERENCES scan,
    reason TEXT NOT NULL,
    noticed_at INTEGER NOT NULL
) STRICT;

CREATE TABLE absence (
    absence_id INTEGER PRIMARY KEY,
    kiosk TEXT NOT NULL,
    generation INTEGER NOT NULL,
    since INTEGER NOT NULL,
    back_at INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    FOREIGN KEY (kiosk, generation) REFERENCES kiosk
) STRICT;
CREATE INDEX absence_kiosk ON absence (kiosk, generation);

CREATE TABLE change (
    cursor INTEGER PRIMARY KEY AUTOINCREMENT,
    hall_id INTEGER,
    kiosk TEXT,
    body TEXT NOT NULL
) STRICT;
"""

# Finds a holder's stays by when they were over. An entry looks only at those that were not, however
# often its holder went in and out before.
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

# The value changes with each change of what server/core/venue/rules.py keeps, whoever makes it. It
# is random because a number that was rolled back would be used again by the next change.
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

# Until that time the hall's places need no new share, as long as nobody asks
# (server/core/occupancy/grants.py).
SHARED_UNTIL = """
ALTER TABLE hall ADD COLUMN shared_until INTEGER NOT NULL DEFAULT 0;
"""

# The words by which people are found (server/core/people/search.py), and the people whose words are
# still to be folded, at first everybody. The index gives the whole list by name without sorting it.
SEARCH = """
CREATE TABLE attendee_search (
    serial INTEGER PRIMARY KEY REFERENCES attendee ON DELETE CASCADE,
    name TEXT NOT NULL,
    contact TEXT NOT NULL
) STRICT;
CREATE TABLE search_due (serial INTEGER PRIMARY KEY REFERENCES attendee ON DELETE CASCADE) STRICT;
INSERT INTO search_due SELECT serial FROM attendee;
CREATE INDEX attendee_name ON attendee (family_name, given_name, serial);

CREATE TRIGGER search_added AFTER INSERT ON attendee
BEGIN INSERT OR IGNORE INTO search_due VALUES (NEW.serial); END;

CREATE TRIGGER search_changed
AFTER UPDATE OF given_name, family_name, organisation, email, external_id ON attendee
BEGIN INSERT OR IGNORE INTO search_due VALUES (NEW.serial); END;
"""

# All of a delegation may have the address of one office.
SHARED_EMAILS = """
DROP INDEX attendee_email;
CREATE INDEX attendee_email ON attendee (email COLLATE NOCASE) WHERE email <> '';
"""

# Holders whose newest badge may say what is no longer so. At first that is everybody, and then
# those who change. `issuing.changed_badges` looks only at these badges.
CHANGED_HOLDERS = """
CREATE TABLE changed_holder (serial INTEGER PRIMARY KEY REFERENCES attendee) STRICT;
INSERT INTO changed_holder SELECT DISTINCT serial FROM badge;

CREATE TRIGGER holder_changed AFTER UPDATE OF given_name, family_name, organisation, country,
    category, valid_days, zones, flags ON attendee
WHEN (OLD.given_name, OLD.family_name, OLD.organisation, OLD.country, OLD.category, OLD.valid_days,
    OLD.zones, OLD.flags) IS NOT (NEW.given_name, NEW.family_name, NEW.organisation, NEW.country,
    NEW.category, NEW.valid_days, NEW.zones, NEW.flags)
    AND EXISTS (SELECT 1 FROM badge b WHERE b.serial = NEW.serial)
BEGIN INSERT INTO changed_holder VALUES (NEW.serial) ON CONFLICT DO NOTHING; END;

CREATE TRIGGER holder_reissued AFTER INSERT ON badge
BEGIN DELETE FROM changed_holder WHERE serial = NEW.serial; END;
"""

# How long the kiosk's journal was when it last said so, and when that was. The scans that wait
# there are this less what is acknowledged. An earlier version kept that number in the kiosk's
# health.
KIOSK_REPORTED = """
ALTER TABLE kiosk ADD COLUMN last_seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE kiosk ADD COLUMN reported_at INTEGER;
UPDATE kiosk SET reported_at = seen_at,
    last_seq = acked_seq + COALESCE(json_extract(health, '$.queue'), 0)
    WHERE health IS NOT NULL;
"""

# A first password has to be changed. `unlocked_at` is when an admin let the user in although
# strangers were guessing. `known_device` has only hashes, of a browser's token or of an address.
SIGN_IN = """
ALTER TABLE user ADD COLUMN must_change INTEGER NOT NULL DEFAULT 0;
ALTER TABLE user ADD COLUMN unlocked_at INTEGER;
ALTER TABLE web_session ADD COLUMN confirmed_at INTEGER NOT NULL DEFAULT 0;
CREATE INDEX web_session_user ON web_session (user_id);

CREATE TABLE known_device (
    user_id INTEGER NOT NULL REFERENCES user,
    mark BLOB NOT NULL,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, mark)
) STRICT;
"""

# These find acts by their time, and by who did what. Plain scans are in none of them and cost
# nothing more.
_ACT = "json_extract(CAST(body AS TEXT), '$.act')"
_BY = "json_extract(CAST(body AS TEXT), '$.by')"
ACTS = f"""
CREATE INDEX leaf_act_at ON leaf (at) WHERE kind = 'act';
CREATE INDEX leaf_act ON leaf ({_ACT}, at) WHERE kind = 'act';
CREATE INDEX leaf_act_by ON leaf ({_BY}, at) WHERE kind = 'act';
CREATE INDEX leaf_act_by_act ON leaf ({_BY}, {_ACT}, at) WHERE kind = 'act';
CREATE INDEX scan_act ON scan (act, number) WHERE act <> 'scan';
"""

# Each start of the server, and where feed and entry log were then. `word` was dropped again, by
# ONLY_SIGNED.
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

# How a hall counts those who left, and what a move did to a stay, whose place is still counted, or
# was freed without an exit to confirm it. A trigger counts them, so that no way of ending a stay
# can forget to.
LEAVING = """
ALTER TABLE hall ADD COLUMN leaving TEXT NOT NULL DEFAULT 'scanned'
    CHECK (leaving IN ('scanned', 'inferred'));
ALTER TABLE hall ADD COLUMN walk_s INTEGER;
ALTER TABLE hall ADD COLUMN moved_on INTEGER NOT NULL DEFAULT 0;
ALTER TABLE hall ADD COLUMN unconfirmed_moves INTEGER NOT NULL DEFAULT 0;
ALTER TABLE stay ADD COLUMN after_move TEXT CHECK (after_move IN ('counted', 'freed'));
ALTER TABLE stay ADD COLUMN issue INTEGER NOT NULL DEFAULT 0;
UPDATE stay SET after_move = 'freed' WHERE closed_by = 'move';
UPDATE hall SET unconfirmed_moves =
    (SELECT COUNT(*) FROM stay s WHERE s.hall_id = hall.hall_id AND s.after_move = 'freed');
CREATE INDEX stay_after_move ON stay (hall_id, after_move) WHERE after_move IS NOT NULL;
CREATE TRIGGER stay_moved AFTER UPDATE OF after_move ON stay
WHEN NEW.after_move IS NOT OLD.after_move
BEGIN UPDATE hall SET
    moved_on = moved_on + (NEW.after_move IS 'counted') - (OLD.after_move IS 'counted'),
    unconfirmed_moves = unconfirmed_moves + (NEW.after_move IS 'freed')
        - (OLD.after_move IS 'freed')
    WHERE hall_id = NEW.hall_id; END;
DROP TRIGGER rules_hall_update;
CREATE TRIGGER rules_hall_update AFTER UPDATE OF
    code, parent_id, zones, sessions_only, anti_passback, exits, leaving, walk_s ON hall
BEGIN UPDATE setting SET value = hex(randomblob(16)) WHERE key = 'rules_version'; END;
"""

# For each holder, the newest badge that seems to have been in two places at once
# (server/core/occupancy/copies.py).
LIKELY_COPIES = """
CREATE TABLE likely_copy (
    serial INTEGER PRIMARY KEY CHECK (serial BETWEEN 0 AND 16777215),
    issue INTEGER NOT NULL,
    number INTEGER NOT NULL,
    noticed_at INTEGER NOT NULL,
    cleared_at INTEGER
) STRICT;
"""

# The epoch of the server's time in which a kiosk had measured its clock. 0 means that it did not
# say.
EPOCHS = """
ALTER TABLE stay ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;
ALTER TABLE unnamed_exit ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;
"""

# Where a door leads from, if anybody has said so. That is a hall around its own, or NULL for
# outside.
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

# One entry may open a stay in its hall and in each hall around it, and one exit may end them. So a
# stay is named with its hall. `around` is 1 where the hall is not the door's own.
STAY_HALLS = (
    ("stay", "PRIMARY KEY (kiosk, generation, seq)",
     "around INTEGER NOT NULL DEFAULT 0,\n    PRIMARY KEY (kiosk, generation, seq, hall_id)", ""),
    ("early_exit", "PRIMARY KEY (kiosk, generation, seq)",
     "hall_id INTEGER NOT NULL,\n    PRIMARY KEY (kiosk, generation, seq, hall_id)",
     # The ledger has that early exit, with its hall.
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

# People in a hall inside another one are in the outer one too, and count there from now on. Nobody
# had said by which door they came. Each kiosk at work there gets an account with the halls around.
_AROUND = (
    "WITH RECURSIVE around (hall_id, outer_id) AS (SELECT hall_id, parent_id FROM hall"
    " WHERE parent_id IS NOT NULL UNION SELECT a.hall_id, h.parent_id FROM around a"
    " JOIN hall h ON h.hall_id = a.outer_id WHERE h.parent_id IS NOT NULL)"
)
COUNTED_AROUND = f"""
INSERT INTO stay (kiosk, generation, seq, hall_id, door_id, serial, opened_at, clock_known, issue,
 epoch, around)
{_AROUND} SELECT s.kiosk, s.generation, s.seq, a.outer_id, s.door_id, s.serial, s.opened_at,
 s.clock_known, s.issue, s.epoch, 1 FROM stay s JOIN around a ON a.hall_id = s.hall_id
 WHERE (s.closed_at IS NULL OR s.after_move = 'counted') AND a.outer_id <> s.hall_id;
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

# What a forum is beside its halls: organisations, activities with their hosts, speakers, and the
# exhibition. A session is an activity's time in a hall. Of a speaker who is not on the roster the
# file's own words are kept (`label`, an external id or e-mail, and `name`) until the roster brings
# them. `awaited_guest` keeps whom a file invites, or a roster's invitations to sessions, until both
# are there.
_KINDS = (
    ("conference", "Conference", "会议"),
    ("exhibition", "Exhibition", "展览"),
    ("transaction", "Technology transaction", "技术交易"),
    ("release", "Outcome news release", "成果发布"),
    ("competition", "Competition", "大赛"),
)
PROGRAMME = """
CREATE TABLE organisation (
    organisation_id INTEGER PRIMARY KEY,
    code TEXT NOT NULL UNIQUE,
    names TEXT NOT NULL,
    country TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('company', 'university', 'institute', 'international',
        'government', 'association', 'media', 'other'))
) STRICT;

ALTER TABLE attendee ADD COLUMN organisation_id INTEGER REFERENCES organisation;
CREATE INDEX attendee_organisation ON attendee (organisation);
CREATE INDEX attendee_organisation_id ON attendee (organisation_id)
    WHERE organisation_id IS NOT NULL;

CREATE TABLE activity_kind (code TEXT PRIMARY KEY, names TEXT NOT NULL) STRICT;

CREATE TABLE activity (
    activity_id INTEGER PRIMARY KEY,
    code TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL REFERENCES activity_kind,
    titles TEXT NOT NULL,
    official INTEGER NOT NULL CHECK (official IN (0, 1)),
    parallel INTEGER NOT NULL CHECK (parallel IN (0, 1)),
    theme TEXT NOT NULL,
    language TEXT NOT NULL
) STRICT;

CREATE TABLE activity_host (
    activity_id INTEGER NOT NULL REFERENCES activity,
    organisation_id INTEGER NOT NULL REFERENCES organisation,
    role TEXT NOT NULL CHECK (role IN ('lead', 'co_host')),
    PRIMARY KEY (activity_id, organisation_id)
) STRICT;
CREATE INDEX activity_host_organisation ON activity_host (organisation_id);

ALTER TABLE session ADD COLUMN activity_id INTEGER REFERENCES activity;
CREATE INDEX session_activity ON session (activity_id) WHERE activity_id IS NOT NULL;

CREATE TABLE session_speaker (
    session_id INTEGER NOT NULL REFERENCES session,
    position INTEGER NOT NULL,
    serial INTEGER REFERENCES attendee,
    label TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('keynote', 'speaker', 'moderator', 'panellist')),
    starts_at INTEGER,
    PRIMARY KEY (session_id, position)
) STRICT;
CREATE INDEX session_speaker_serial ON session_speaker (serial) WHERE serial IS NOT NULL;

CREATE TABLE awaited_guest (
    session_code TEXT NOT NULL,
    label TEXT NOT NULL,
    invited INTEGER NOT NULL CHECK (invited IN (0, 1)),
    PRIMARY KEY (session_code, label)
) STRICT;

CREATE TABLE area (
    area_id INTEGER PRIMARY KEY,
    code TEXT NOT NULL UNIQUE,
    hall_id INTEGER NOT NULL REFERENCES hall,
    names TEXT NOT NULL,
    m2 INTEGER NOT NULL CHECK (m2 >= 0)
) STRICT;

CREATE TABLE exhibitor (
    exhibitor_id INTEGER PRIMARY KEY,
    code TEXT NOT NULL UNIQUE,
    organisation_id INTEGER NOT NULL REFERENCES organisation
) STRICT;

CREATE TABLE stand (
    stand_id INTEGER PRIMARY KEY,
    code TEXT NOT NULL UNIQUE,
    area_id INTEGER NOT NULL REFERENCES area,
    exhibitor_id INTEGER REFERENCES exhibitor,
    m2 INTEGER NOT NULL CHECK (m2 >= 0)
) STRICT;
CREATE INDEX stand_area ON stand (area_id);
CREATE INDEX stand_exhibitor ON stand (exhibitor_id);
""" + "".join(
    f'INSERT INTO activity_kind VALUES (\'{code}\', \'{{"en": "{en}", "zh": "{zh}"}}\');\n'
    for code, en, zh in _KINDS
)

# What was measured in a hall (server/core/venue/capacity_reasons.py), and by whose word its
# capacity is what it is: as the entry log names them, and when. NULL: not said, or from before this
# was kept.
CAPACITY_REASONS = "".join(
    f"ALTER TABLE hall ADD COLUMN {column};\n"
    for column in (
        "floor_m2 REAL CHECK (floor_m2 > 0)",
        "m2_per_person REAL CHECK (m2_per_person > 0)",
        "seats INTEGER CHECK (seats >= 0)",
        "exit_width_m REAL CHECK (exit_width_m >= 0)",
        "exit_steps_width_m REAL CHECK (exit_steps_width_m >= 0)",
        "entry_lanes INTEGER CHECK (entry_lanes >= 0)",
        "fill_min REAL CHECK (fill_min > 0)",
        "clear_min REAL CHECK (clear_min > 0)",
        "emergency_min REAL CHECK (emergency_min > 0)",
        "capacity_by TEXT",
        "capacity_at INTEGER",
    )
)

# Places that a hall keeps for wheelchair users and their companions, until so many minutes before
# its next session (NULL: for good). From here on `override` of place_account and stay is a
# badges.record.PlaceKind, in which kept places are 2.
KEPT_PLACES = """
ALTER TABLE hall ADD COLUMN accessible_places INTEGER NOT NULL DEFAULT 0
    CHECK (accessible_places >= 0);
ALTER TABLE hall ADD COLUMN accessible_until_min INTEGER CHECK (accessible_until_min >= 0);
ALTER TABLE hall ADD COLUMN open_accessible INTEGER NOT NULL DEFAULT 0
    CHECK (open_accessible >= 0);
CREATE TABLE accessible_guest (
    serial INTEGER PRIMARY KEY REFERENCES attendee ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('wheelchair', 'companion'))
) STRICT;
CREATE TRIGGER rules_hall_kept AFTER UPDATE OF accessible_places, accessible_until_min ON hall
BEGIN UPDATE setting SET value = hex(randomblob(16)) WHERE key = 'rules_version'; END;
"""

# What each user last changed through pages: by whom and when, in words, from where in the feed on
# doors have it, and what there was before and after, so that it can be undone.
PAGE_EDITS = """
CREATE TABLE page_edit (
    made_by TEXT NOT NULL PRIMARY KEY,
    made_at INTEGER NOT NULL,
    what TEXT NOT NULL,
    cursor INTEGER,
    hall_id INTEGER,
    things TEXT
) STRICT;
"""

# Protocol guests: people of whose arrival named staff (watchers) get a silent notice. An arrival is
# the first entry of a guest on a day (counted from the event's first; earlier ones are negative).
PROTOCOL_GUESTS = """
CREATE TABLE protocol_guest (
    serial INTEGER PRIMARY KEY REFERENCES attendee,
    set_at INTEGER NOT NULL
) STRICT;

CREATE TABLE protocol_watcher (
    serial INTEGER NOT NULL REFERENCES protocol_guest ON DELETE CASCADE,
    user_id INTEGER NOT NULL REFERENCES user,
    PRIMARY KEY (serial, user_id)
) STRICT;
CREATE INDEX protocol_watcher_user ON protocol_watcher (user_id);

CREATE TABLE arrival (
    arrival_id INTEGER PRIMARY KEY,
    serial INTEGER NOT NULL REFERENCES attendee,
    day INTEGER NOT NULL,
    number INTEGER NOT NULL REFERENCES scan,
    UNIQUE (serial, day)
) STRICT;

CREATE TABLE arrival_notice (
    user_id INTEGER NOT NULL REFERENCES user,
    arrival_id INTEGER NOT NULL REFERENCES arrival,
    seen_at INTEGER,
    PRIMARY KEY (user_id, arrival_id)
) STRICT;
CREATE INDEX arrival_notice_unseen ON arrival_notice (user_id) WHERE seen_at IS NULL;

CREATE TRIGGER rules_protocol_guest_insert AFTER INSERT ON protocol_guest BEGIN
    UPDATE setting SET value = hex(randomblob(16)) WHERE key = 'rules_version'; END;
CREATE TRIGGER rules_protocol_guest_delete AFTER DELETE ON protocol_guest BEGIN
    UPDATE setting SET value = hex(randomblob(16)) WHERE key = 'rules_version'; END;
"""

# The name in Latin letters that a roster gives, and how often and as what a badge was printed.
# `printed_as` is a hash of what stood on the card.
CARDS = """
ALTER TABLE attendee ADD COLUMN latin_name TEXT NOT NULL DEFAULT '';
ALTER TABLE badge ADD COLUMN printed INTEGER NOT NULL DEFAULT 0 CHECK (printed >= 0);
ALTER TABLE badge ADD COLUMN printed_at INTEGER;
ALTER TABLE badge ADD COLUMN printed_as TEXT NOT NULL DEFAULT '';
"""

# How to reach somebody, and what they order by. The words of a search have more columns, and two
# indexes (server/core/people/search.py). Triggers keep these, whoever changes the words. A name
# that an organisation has is a word of its people.
_WORDS = "whole, name, organisation, contact, pieces"
_INSIDE = "whole, name, organisation, contact"


def _kept_by_triggers(index: str, columns: str) -> str:
    old = ", ".join(f"OLD.{column}" for column in columns.split(", "))
    new = ", ".join(f"NEW.{column}" for column in columns.split(", "))
    added = f"INSERT INTO {index} (rowid, {columns}) VALUES (NEW.serial, {new});"
    gone = f"INSERT INTO {index} ({index}, rowid, {columns}) VALUES ('delete', OLD.serial, {old});"
    return f"""
CREATE TRIGGER {index}_added AFTER INSERT ON attendee_search BEGIN {added} END;
CREATE TRIGGER {index}_gone AFTER DELETE ON attendee_search BEGIN {gone} END;
CREATE TRIGGER {index}_changed AFTER UPDATE ON attendee_search BEGIN {gone} {added} END;
"""


FOUND_BY = f"""
ALTER TABLE attendee ADD COLUMN phone TEXT NOT NULL DEFAULT '';
ALTER TABLE attendee ADD COLUMN order_number TEXT NOT NULL DEFAULT '';

DROP TABLE attendee_search;
CREATE TABLE attendee_search (
    serial INTEGER PRIMARY KEY REFERENCES attendee ON DELETE CASCADE,
    whole TEXT NOT NULL,
    name TEXT NOT NULL,
    organisation TEXT NOT NULL,
    contact TEXT NOT NULL,
    pieces TEXT NOT NULL
) STRICT;
CREATE VIRTUAL TABLE search_word USING fts5 ({_WORDS}, content = 'attendee_search',
    content_rowid = 'serial', tokenize = 'ascii', detail = 'column', columnsize = 0);
CREATE VIRTUAL TABLE search_inside USING fts5 ({_INSIDE}, content = 'attendee_search',
    content_rowid = 'serial', tokenize = 'trigram', detail = 'none',
    columnsize = 0);
{_kept_by_triggers("search_word", _WORDS)}{_kept_by_triggers("search_inside", _INSIDE)}
DROP TRIGGER search_changed;
CREATE TRIGGER search_changed AFTER UPDATE OF given_name, family_name, latin_name, organisation,
    organisation_id, email, external_id, phone, order_number ON attendee
BEGIN INSERT INTO search_due VALUES (NEW.serial) ON CONFLICT DO NOTHING; END;
CREATE TRIGGER search_renamed AFTER UPDATE OF names, other_names ON organisation
WHEN (OLD.names, OLD.other_names) IS NOT (NEW.names, NEW.other_names)
BEGIN INSERT INTO search_due SELECT serial FROM attendee a
    WHERE a.organisation_id = NEW.organisation_id ON CONFLICT DO NOTHING; END;
INSERT INTO search_due SELECT serial FROM attendee WHERE TRUE ON CONFLICT DO NOTHING;
"""

# Credentials for one day of the event (from 0), each for the issue of the badge that it stands in
# for. They share the numbers of names_row with badges.
DAY_CREDENTIALS = """
CREATE TABLE day_credential (
    serial INTEGER NOT NULL REFERENCES attendee,
    issue INTEGER NOT NULL CHECK (issue BETWEEN 1 AND 255),
    day INTEGER NOT NULL CHECK (day BETWEEN 0 AND 15),
    credential TEXT NOT NULL UNIQUE,
    lookup BLOB NOT NULL,
    sealed BLOB NOT NULL,
    issued_at INTEGER NOT NULL,
    names_row INTEGER NOT NULL UNIQUE,
    printed INTEGER NOT NULL DEFAULT 0 CHECK (printed >= 0),
    printed_at INTEGER,
    PRIMARY KEY (serial, issue, day)
) STRICT;
"""

# The role protocol, second factors, invitations, and accounts of an identity provider. A column's
# check can't be changed, so the role moves to a new column. A session that waits for its second
# factor has `waits` = 1. Every secret here is a hash, but for `totp_sealed`, which is encrypted.
ACCOUNTS = """
ALTER TABLE user ADD COLUMN new_role TEXT NOT NULL DEFAULT 'steward' CHECK (new_role IN
    ('steward', 'supervisor', 'badge_desk', 'admin', 'auditor', 'protocol'));
UPDATE user SET new_role = role;
ALTER TABLE user DROP COLUMN role;
ALTER TABLE user RENAME COLUMN new_role TO role;
ALTER TABLE user ADD COLUMN totp_sealed BLOB;
ALTER TABLE user ADD COLUMN totp_step INTEGER NOT NULL DEFAULT 0;
ALTER TABLE user ADD COLUMN signed_on INTEGER NOT NULL DEFAULT 0 CHECK (signed_on IN (0, 1));
ALTER TABLE web_session ADD COLUMN waits INTEGER NOT NULL DEFAULT 0 CHECK (waits IN (0, 1));
ALTER TABLE web_session ADD COLUMN factor_at INTEGER;

CREATE TABLE passkey (
    credential_id BLOB PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES user,
    rp_id TEXT NOT NULL,
    public_key BLOB NOT NULL,
    sign_count INTEGER NOT NULL,
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    used_at INTEGER
) STRICT;
CREATE INDEX passkey_user ON passkey (user_id);

CREATE TABLE recovery_code (
    user_id INTEGER NOT NULL REFERENCES user,
    code_hash BLOB NOT NULL,
    PRIMARY KEY (user_id, code_hash)
) STRICT;

CREATE TABLE invitation (
    token_hash BLOB PRIMARY KEY,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    made_by TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE TABLE sign_on_account (
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    user_id INTEGER NOT NULL UNIQUE REFERENCES user,
    PRIMARY KEY (issuer, subject)
) STRICT;
"""

# The newest link of a phone page, where it is not the first one or does not stand.
PHONE_LINKS = """
CREATE TABLE phone_link (
    serial INTEGER PRIMARY KEY REFERENCES attendee,
    number INTEGER NOT NULL CHECK (number BETWEEN 0 AND 255),
    revoked_at INTEGER
) STRICT;
"""

# Printers of the badge desks, and what they print. `state` is what a printer said last. `place` is
# the order in which desks choose them. A printer without desks serves them all.
# A job without a serial is a test print. `sent_at` is when the first byte may have left for the
# printer, and `remote` is what the printer calls the job, or what it counted before.
PRINTERS = """
CREATE TABLE printer (
    printer_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    address TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('ipp', 'zpl', 'brother')),
    format TEXT NOT NULL,
    layer_only INTEGER NOT NULL DEFAULT 0 CHECK (layer_only IN (0, 1)),
    dpi INTEGER NOT NULL CHECK (dpi BETWEEN 100 AND 1200),
    trusts_sending INTEGER NOT NULL DEFAULT 0 CHECK (trusts_sending IN (0, 1)),
    certificate TEXT NOT NULL DEFAULT '',
    place INTEGER NOT NULL DEFAULT 0,
    labels_left INTEGER CHECK (labels_left >= 0),
    state TEXT NOT NULL DEFAULT 'unknown' CHECK (state IN (
        'unknown', 'ready', 'printing', 'paper_out', 'cover_open', 'offline', 'error')),
    state_words TEXT NOT NULL DEFAULT '',
    state_at INTEGER,
    removed_at INTEGER
) STRICT;
CREATE UNIQUE INDEX printer_name ON printer (name) WHERE removed_at IS NULL;

CREATE TABLE printer_desk (
    printer_id INTEGER NOT NULL REFERENCES printer,
    desk TEXT NOT NULL,
    PRIMARY KEY (printer_id, desk)
) STRICT;

CREATE TABLE print_job (
    job_id INTEGER PRIMARY KEY,
    serial INTEGER REFERENCES attendee,
    issue INTEGER,
    desk TEXT NOT NULL,
    made_by TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    printer_id INTEGER NOT NULL REFERENCES printer,
    fixed INTEGER NOT NULL CHECK (fixed IN (0, 1)),
    state TEXT NOT NULL CHECK (state IN ('waiting', 'printing', 'done', 'failed', 'cancelled')),
    problem TEXT NOT NULL DEFAULT '',
    words TEXT NOT NULL DEFAULT '',
    sent_at INTEGER,
    remote TEXT NOT NULL DEFAULT '',
    done_at INTEGER,
    CHECK ((serial IS NULL) = (issue IS NULL))
) STRICT;
CREATE INDEX print_job_state ON print_job (state, job_id);
CREATE INDEX print_job_desk ON print_job (desk, job_id);
CREATE UNIQUE INDEX print_job_one_open ON print_job (serial, issue)
    WHERE state IN ('waiting', 'printing');
"""


# What attendees were given for their own calendars and wallets, and the mails to them. Of a mail
# `sent_to` is a hash of the address. `state` is written before the mail goes out and after, so
# that after a crash nobody gets it twice.
MAIL_AND_WALLET = """
CREATE TABLE calendar_entry (
    calendar_id INTEGER PRIMARY KEY,
    code TEXT NOT NULL UNIQUE,
    content TEXT NOT NULL,
    sequence INTEGER NOT NULL CHECK (sequence >= 0),
    modified_at INTEGER NOT NULL
) STRICT;

CREATE TABLE calendar_person (
    serial INTEGER PRIMARY KEY REFERENCES attendee ON DELETE CASCADE,
    shown TEXT NOT NULL
) STRICT;

CREATE TABLE wallet_pass (
    serial INTEGER NOT NULL REFERENCES attendee ON DELETE CASCADE,
    issue INTEGER NOT NULL,
    content BLOB NOT NULL,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (serial, issue)
) STRICT;

CREATE TABLE wallet_device (
    device TEXT NOT NULL,
    serial INTEGER NOT NULL,
    issue INTEGER NOT NULL,
    push_token TEXT NOT NULL,
    registered_at INTEGER NOT NULL,
    PRIMARY KEY (device, serial, issue),
    FOREIGN KEY (serial, issue) REFERENCES wallet_pass ON DELETE CASCADE
) STRICT;

CREATE TABLE mail (
    serial INTEGER NOT NULL REFERENCES attendee ON DELETE CASCADE,
    issue INTEGER NOT NULL,
    template TEXT NOT NULL,
    message_id TEXT NOT NULL UNIQUE,
    sent_to BLOB NOT NULL,
    state TEXT NOT NULL
        CHECK (state IN ('sending', 'sent', 'delayed', 'refused', 'bounced')),
    tries INTEGER NOT NULL,
    at INTEGER NOT NULL,
    answer TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (serial, issue, template)
) STRICT;
CREATE INDEX mail_state ON mail (template, state);
"""

# What the badge desk did, and whose ID document it has seen. `nonce` belongs to one form, so that a
# form that is sent twice does nothing the second time. `begun_at` is when the clerk began with this
# person. `job_id` names the print job. With `by_browser` the clerk's own browser prints, and then,
# as for a phone, `done_at` is when the clerk said that the badge is handed over. `kept` is what
# undoing needs, as JSON. Only a user's last act has it.
DESK = """
CREATE TABLE desk_act (
    act_id INTEGER PRIMARY KEY,
    nonce TEXT NOT NULL UNIQUE,
    desk TEXT NOT NULL,
    made_by TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN
        ('walk_in', 'print', 'reissue', 'correction', 'phone', 'id_checked', 'undo')),
    serial INTEGER NOT NULL REFERENCES attendee,
    issue INTEGER NOT NULL,
    begun_at INTEGER NOT NULL,
    job_id INTEGER,
    by_browser INTEGER NOT NULL CHECK (by_browser IN (0, 1)),
    done_at INTEGER,
    kept TEXT,
    undone_at INTEGER
) STRICT;
CREATE INDEX desk_act_made_by ON desk_act (made_by, act_id);
CREATE INDEX desk_act_serial ON desk_act (serial, act_id);
CREATE INDEX desk_act_made_at ON desk_act (made_at);

CREATE TABLE id_check (
    serial INTEGER PRIMARY KEY REFERENCES attendee,
    checked_by TEXT NOT NULL,
    checked_at INTEGER NOT NULL
) STRICT;
"""

# After how many days which kind of record is erased (server/core/event/retention.py), and what was
# erased so far. Without a row nothing of a kind is erased. `left_over` could not be erased then.
RETENTION = """
CREATE TABLE retention_clock (
    kind TEXT PRIMARY KEY,
    days INTEGER NOT NULL CHECK (days >= 0),
    set_by TEXT NOT NULL,
    set_at INTEGER NOT NULL
) STRICT;

CREATE TABLE retention_run (
    run_id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    made_by TEXT NOT NULL,
    count INTEGER NOT NULL,
    left_over INTEGER NOT NULL
) STRICT;
"""

# The salt of a leaf's commitment (badges/transparency/commitment.py). Leaves from before this have
# none, and their record is itself the entry. Of an erased leaf the body is the commitment, without
# salt. What is left of an erased scan keeps its kiosk's chain whole.
LEAF_SALTS = """
ALTER TABLE leaf ADD COLUMN salt BLOB;

CREATE TABLE erased_scan (
    number INTEGER PRIMARY KEY REFERENCES leaf,
    record_hash BLOB,
    signature BLOB
) STRICT;

CREATE TABLE cosignature (
    kiosk TEXT NOT NULL,
    generation INTEGER NOT NULL,
    size INTEGER NOT NULL,
    note TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (kiosk, generation),
    FOREIGN KEY (kiosk, generation) REFERENCES kiosk
) STRICT;
"""

# Machines that ask by a token, and machines that are told by webhooks. A webhook's message is made
# from the entry log, or from a notice of what no leaf tells (a hall that is full, a trouble).
MACHINES = """
CREATE TABLE api_token (
    token_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    token_hash BLOB NOT NULL UNIQUE,
    scopes TEXT NOT NULL,
    made_by TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    revoked_at INTEGER,
    used_at INTEGER
) STRICT;
CREATE TABLE webhook_endpoint (
    endpoint_id INTEGER PRIMARY KEY,
    url TEXT NOT NULL,
    topics TEXT NOT NULL,
    secret_of BLOB NOT NULL,
    made_by TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    next_leaf INTEGER NOT NULL,
    last_notice INTEGER NOT NULL,
    failing_since INTEGER,
    disabled_at INTEGER,
    removed_at INTEGER
) STRICT;
CREATE TABLE webhook_notice (
    notice_id INTEGER PRIMARY KEY,
    at_leaf INTEGER NOT NULL,
    topic TEXT NOT NULL,
    kind TEXT NOT NULL,
    at INTEGER NOT NULL,
    data TEXT NOT NULL
) STRICT;
CREATE TABLE webhook_message (
    message_id TEXT PRIMARY KEY,
    endpoint_id INTEGER NOT NULL REFERENCES webhook_endpoint,
    position INTEGER NOT NULL,
    kind TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    body BLOB,
    tries INTEGER NOT NULL DEFAULT 0,
    tried_at INTEGER,
    next_at INTEGER NOT NULL,
    delivered_at INTEGER,
    answer TEXT NOT NULL DEFAULT '',
    UNIQUE (endpoint_id, position)
) STRICT;
CREATE INDEX webhook_message_waits ON webhook_message (endpoint_id, position)
    WHERE delivered_at IS NULL;
CREATE TABLE webhook_hall (
    hall_id INTEGER PRIMARY KEY,
    state TEXT NOT NULL
) STRICT;
CREATE TABLE webhook_trouble (
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    began_at INTEGER NOT NULL,
    PRIMARY KEY (kind, subject)
) STRICT;
"""

# What staff said of a thing that needs a look (server/features/reports): `subject` is a
# discrepancy, a scan, a person's serial or a door, and `period` the day or the quarter hour that it
# is about. `count` is how many denials there were then. The entry log has every mark, and this
# table the last one. `door_quarter` counts each door's answers to entries by quarter hours of Unix
# time. A hall that is full or closed denies everybody, which says nothing of the door, so those
# denials are left out.
_COUNTED = (
    "{0}act = 'scan' AND {0}direction = 'entry' AND ({0}decision = 'admitted' OR {0}reason NOT IN"
    " ('hall_full', 'hall_closed', 'door_resting', 'kiosk_retired', 'roll_call'))"
)
_QUARTER = "({0}scanned_at - COALESCE({0}skew_ms, 0)) / 900000"
ATTENTION = f"""
CREATE TABLE attention (
    kind TEXT NOT NULL CHECK (kind IN ('discrepancy', 'override', 'denials', 'door')),
    subject INTEGER NOT NULL,
    period INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'seen', 'settled')),
    count INTEGER NOT NULL,
    note TEXT NOT NULL,
    set_by TEXT NOT NULL,
    set_at INTEGER NOT NULL,
    PRIMARY KEY (kind, subject, period)
) STRICT;

CREATE TABLE door_quarter (
    quarter INTEGER NOT NULL,
    door_id INTEGER NOT NULL,
    admitted INTEGER NOT NULL,
    denied INTEGER NOT NULL,
    PRIMARY KEY (quarter, door_id)
) STRICT;
INSERT INTO door_quarter SELECT {_QUARTER.format("")}, door_id,
    SUM(decision = 'admitted'), SUM(decision <> 'admitted') FROM scan
    WHERE {_COUNTED.format("")} GROUP BY 1, 2;
CREATE TRIGGER scan_counted AFTER INSERT ON scan WHEN {_COUNTED.format("NEW.")}
BEGIN INSERT INTO door_quarter VALUES ({_QUARTER.format("NEW.")}, NEW.door_id,
    NEW.decision = 'admitted', NEW.decision <> 'admitted')
    ON CONFLICT (quarter, door_id) DO UPDATE SET admitted = admitted + excluded.admitted,
    denied = denied + excluded.denied; END;

CREATE INDEX scan_denied ON scan (serial, scanned_at)
    WHERE decision = 'denied' AND reason <> 'roll_call' AND serial IS NOT NULL;
CREATE INDEX leaf_act_serial ON leaf (json_extract(CAST(body AS TEXT), '$.subject.serial'), at)
    WHERE kind = 'act';
CREATE INDEX discrepancy_number ON discrepancy (number);
CREATE INDEX print_job_serial ON print_job (serial) WHERE serial IS NOT NULL;
"""

# What finds entries by what they are (server/core/ledger/marks.py). A block is 8,192 numbers of the
# entry log, and a mark says which of them have a value. Blocks are marked once they are full, so
# that a scan that arrives costs nothing more. A scan that changes unmarks its block.
# `act_change` has what acts changed, before and after, as the entry log may not: it is personal.
# `saved_filter` has the words of an address, for the page of entries or of acts. Acts are found by
# what they are about with an index for each kind of thing.
_SUBJECTS = ("serial", "hall", "door", "session", "user", "kiosk")
LISTS = """
CREATE TABLE entry_block (
    block INTEGER PRIMARY KEY,
    marked INTEGER NOT NULL DEFAULT 0 CHECK (marked IN (0, 1)),
    oldest_at INTEGER NOT NULL DEFAULT 0,
    newest_at INTEGER NOT NULL DEFAULT 0,
    serials BLOB
) STRICT;

CREATE TABLE entry_mark (
    block INTEGER NOT NULL REFERENCES entry_block ON DELETE CASCADE,
    facet TEXT NOT NULL,
    value TEXT NOT NULL,
    bits BLOB NOT NULL,
    PRIMARY KEY (block, facet, value)
) STRICT;

CREATE TRIGGER entry_unmarked_changed AFTER UPDATE ON scan BEGIN
    DELETE FROM entry_block WHERE block = OLD.number / 8192; END;
CREATE TRIGGER entry_unmarked_gone AFTER DELETE ON scan BEGIN
    DELETE FROM entry_block WHERE block = OLD.number / 8192; END;

CREATE TABLE act_change (
    number INTEGER NOT NULL REFERENCES leaf,
    place INTEGER NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    before TEXT,
    after TEXT,
    PRIMARY KEY (number, place)
) STRICT;
CREATE INDEX act_change_thing ON act_change (kind, key);

CREATE TABLE saved_filter (
    filter_id INTEGER PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES user,
    page TEXT NOT NULL CHECK (page IN ('entries', 'acts')),
    name TEXT NOT NULL,
    query TEXT NOT NULL,
    shared INTEGER NOT NULL CHECK (shared IN (0, 1)),
    made_at INTEGER NOT NULL,
    UNIQUE (user_id, page, name)
) STRICT;
""" + "".join(
    f"CREATE INDEX leaf_act_of_{field} ON leaf ({about}, at)"
    f" WHERE kind = 'act' AND {about} IS NOT NULL;\n"
    for field, about in (
        (field, f"json_extract(CAST(body AS TEXT), '$.subject.{field}')") for field in _SUBJECTS
    )
)


# In an evacuation, who was in which hall when it began, by which stay, and how sure that is
# (server/core/muster/snapshot.py). `seen_at` is the first time that counts. Serials stand without a
# reference, because a badge that is on no roster may be inside too.
MUSTERS = """
CREATE TABLE muster (
    muster_id INTEGER PRIMARY KEY,
    reason TEXT NOT NULL,
    begun_at INTEGER NOT NULL,
    begun_by TEXT NOT NULL,
    ended_at INTEGER,
    ended_by TEXT,
    note TEXT
) STRICT;
CREATE UNIQUE INDEX muster_one_on ON muster ((ended_at IS NULL)) WHERE ended_at IS NULL;

CREATE TABLE muster_hall (
    muster_id INTEGER NOT NULL REFERENCES muster,
    hall_id INTEGER NOT NULL,
    sureness TEXT NOT NULL,
    away_since INTEGER,
    away_doors TEXT NOT NULL,
    unseen INTEGER NOT NULL,
    PRIMARY KEY (muster_id, hall_id)
) STRICT;

CREATE TABLE muster_person (
    muster_id INTEGER NOT NULL REFERENCES muster,
    serial INTEGER NOT NULL,
    hall_id INTEGER NOT NULL,
    kiosk TEXT NOT NULL,
    generation INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    door_id INTEGER NOT NULL,
    since INTEGER NOT NULL,
    sureness TEXT NOT NULL,
    away_since INTEGER,
    also_in INTEGER,
    seen_at INTEGER,
    seen_point TEXT,
    seen_by TEXT,
    PRIMARY KEY (muster_id, serial)
) STRICT;

CREATE TABLE muster_seen (
    seen_id INTEGER PRIMARY KEY,
    muster_id INTEGER NOT NULL REFERENCES muster,
    serial INTEGER NOT NULL,
    number INTEGER UNIQUE REFERENCES scan,
    at INTEGER NOT NULL,
    point TEXT NOT NULL,
    by TEXT,
    doubtful INTEGER NOT NULL DEFAULT 0,
    withdrawn INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX muster_seen_serial ON muster_seen (muster_id, serial);
CREATE INDEX scan_roll_call ON scan (number) WHERE reason = 'roll_call';
"""


# What the board shows of the last minutes and of the day, kept by the minute (Unix ms / 60,000), so
# that no page counts scans. A scan counts in the minute of its own door, by the clock as it was
# measured, and never later than it came. `kiosk_minute` is a ring of an hour. `taken_trouble` has
# who looks after what, with `since`, by which one occurrence is told from the next.
BOARD = """
CREATE TABLE door_minute (
    minute INTEGER NOT NULL,
    door_id INTEGER NOT NULL,
    hall_id INTEGER NOT NULL,
    entered INTEGER NOT NULL,
    gone INTEGER NOT NULL,
    denied INTEGER NOT NULL,
    PRIMARY KEY (minute, door_id, hall_id)
) STRICT;
CREATE INDEX door_minute_hall ON door_minute (hall_id, minute);

INSERT INTO door_minute (minute, door_id, hall_id, entered, gone, denied)
SELECT (CASE WHEN scanned_at - COALESCE(skew_ms, 0) < received_at
    THEN scanned_at - COALESCE(skew_ms, 0) ELSE received_at END) / 60000 AS at_minute,
    door_id, hall_id,
    SUM(CASE WHEN decision = 'admitted' AND direction = 'entry' AND act <> 'annul'
        THEN 1 ELSE 0 END),
    SUM(CASE WHEN decision = 'admitted' AND (direction = 'exit' OR act = 'annul')
        THEN 1 ELSE 0 END),
    SUM(CASE WHEN decision = 'denied' AND reason <> 'roll_call' THEN 1 ELSE 0 END)
FROM scan GROUP BY at_minute, door_id, hall_id;

CREATE TRIGGER scan_in_minute AFTER INSERT ON scan
BEGIN INSERT INTO door_minute (minute, door_id, hall_id, entered, gone, denied)
VALUES ((CASE WHEN NEW.scanned_at - COALESCE(NEW.skew_ms, 0) < NEW.received_at
    THEN NEW.scanned_at - COALESCE(NEW.skew_ms, 0) ELSE NEW.received_at END) / 60000,
    NEW.door_id, NEW.hall_id,
    CASE WHEN NEW.decision = 'admitted' AND NEW.direction = 'entry' AND NEW.act <> 'annul'
        THEN 1 ELSE 0 END,
    CASE WHEN NEW.decision = 'admitted' AND (NEW.direction = 'exit' OR NEW.act = 'annul')
        THEN 1 ELSE 0 END,
    CASE WHEN NEW.decision = 'denied' AND NEW.reason <> 'roll_call' THEN 1 ELSE 0 END)
ON CONFLICT (minute, door_id, hall_id) DO UPDATE SET entered = entered + excluded.entered,
    gone = gone + excluded.gone, denied = denied + excluded.denied; END;

CREATE TABLE hall_minute (
    hall_id INTEGER NOT NULL,
    minute INTEGER NOT NULL,
    came INTEGER NOT NULL,
    went INTEGER NOT NULL,
    PRIMARY KEY (hall_id, minute)
) STRICT;

INSERT INTO hall_minute (hall_id, minute, came, went)
SELECT hall_id, minute, SUM(came), SUM(went) FROM (
    SELECT hall_id, opened_at / 60000 AS minute, 1 AS came, 0 AS went FROM stay
    UNION ALL SELECT hall_id, closed_at / 60000, 0, 1 FROM stay WHERE closed_at IS NOT NULL)
GROUP BY hall_id, minute;

CREATE TRIGGER stay_came AFTER INSERT ON stay
BEGIN INSERT INTO hall_minute VALUES (NEW.hall_id, NEW.opened_at / 60000, 1, 0)
ON CONFLICT (hall_id, minute) DO UPDATE SET came = came + 1; END;

CREATE TRIGGER stay_came_over AFTER INSERT ON stay WHEN NEW.closed_at IS NOT NULL
BEGIN INSERT INTO hall_minute VALUES (NEW.hall_id, NEW.closed_at / 60000, 0, 1)
ON CONFLICT (hall_id, minute) DO UPDATE SET went = went + 1; END;

CREATE TRIGGER stay_went AFTER UPDATE OF closed_at ON stay WHEN NEW.closed_at IS NOT NULL
BEGIN INSERT INTO hall_minute VALUES (NEW.hall_id, NEW.closed_at / 60000, 0, 1)
ON CONFLICT (hall_id, minute) DO UPDATE SET went = went + 1; END;

CREATE TRIGGER stay_went_otherwise AFTER UPDATE OF closed_at ON stay WHEN OLD.closed_at IS NOT NULL
BEGIN UPDATE hall_minute SET went = went - 1
WHERE hall_id = OLD.hall_id AND minute = OLD.closed_at / 60000; END;

CREATE TABLE kiosk_minute (
    kiosk TEXT NOT NULL,
    slot INTEGER NOT NULL CHECK (slot BETWEEN 0 AND 59),
    minute INTEGER NOT NULL,
    heard INTEGER NOT NULL,
    queue INTEGER NOT NULL,
    PRIMARY KEY (kiosk, slot)
) STRICT;

CREATE INDEX scan_spoiled ON scan (number) WHERE reason IN ('forged', 'likely_copy');

CREATE TABLE taken_trouble (
    trouble TEXT PRIMARY KEY,
    level INTEGER NOT NULL,
    since INTEGER,
    taken_by TEXT NOT NULL,
    taken_at INTEGER NOT NULL,
    note TEXT NOT NULL
) STRICT;
"""

# What others outside say of the entry log: the newest checkpoint that was given out, the newest one
# that each witness cosigned, and stamps by which a time-stamping authority says when a checkpoint
# was there (server/features/evidence). `log` is the log's name, which a restored server changes.
OUTSIDE = """
CREATE TABLE given_checkpoint (
    log TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    note TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;

CREATE TABLE witness_cosignature (
    log TEXT NOT NULL,
    witness TEXT NOT NULL,
    size INTEGER NOT NULL,
    note TEXT NOT NULL,
    cosigned_at INTEGER NOT NULL,
    at INTEGER NOT NULL,
    set_back_at INTEGER,
    PRIMARY KEY (log, witness)
) STRICT;

CREATE TABLE time_stamp (
    stamp_id INTEGER PRIMARY KEY,
    log TEXT NOT NULL,
    size INTEGER NOT NULL,
    note TEXT NOT NULL,
    authority TEXT NOT NULL,
    answer BLOB NOT NULL,
    stamped_at INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT;

CREATE TABLE outside_trouble (
    who TEXT PRIMARY KEY,
    code TEXT NOT NULL,
    words TEXT NOT NULL,
    since INTEGER NOT NULL
) STRICT;
"""

# Finds, by the server's clock, the entries of the log that are no scan and no act. A scan pays
# nothing for it.
OTHER_ENTRIES = """
CREATE INDEX leaf_other_at ON leaf (at) WHERE kind <> 'scan' AND kind <> 'act';
"""

# The board looks for mails that failed lately, and most mails have not.
MAIL_FAILED = """
CREATE INDEX mail_failed ON mail (at, state) WHERE state IN ('delayed', 'refused', 'bounced');
"""

# How many of a minute's scans at a door came soon after the one before at the same kiosk. From that
# a hall's day tells in which minutes a queue stood, for no kiosk counts who waits.
_SOON = """
    CASE WHEN {scan}.direction = 'entry' AND {scan}.act = 'scan'
        AND COALESCE({scan}.reason, '') <> 'roll_call' AND EXISTS (SELECT 1 FROM scan AS b
        WHERE b.kiosk = {scan}.kiosk AND b.generation = {scan}.generation
        AND b.seq = {scan}.seq - 1 AND b.door_id = {scan}.door_id AND b.act = 'scan'
        AND {scan}.scanned_at - b.scanned_at BETWEEN 0 AND 8000)
    THEN 1 ELSE 0 END"""
_AT_MINUTE = """
    (CASE WHEN {scan}.scanned_at - COALESCE({scan}.skew_ms, 0) < {scan}.received_at
    THEN {scan}.scanned_at - COALESCE({scan}.skew_ms, 0) ELSE {scan}.received_at END) / 60000"""
DOOR_QUEUES = f"""
ALTER TABLE door_minute ADD COLUMN soon INTEGER NOT NULL DEFAULT 0;

UPDATE door_minute SET soon = found.soon
FROM (SELECT {_AT_MINUTE.format(scan="s")} AS minute, s.door_id, s.hall_id,
    SUM({_SOON.format(scan="s")}) AS soon FROM scan AS s GROUP BY 1, 2, 3) AS found
WHERE door_minute.minute = found.minute AND door_minute.door_id = found.door_id
    AND door_minute.hall_id = found.hall_id;

DROP TRIGGER scan_in_minute;

CREATE TRIGGER scan_in_minute AFTER INSERT ON scan
BEGIN INSERT INTO door_minute (minute, door_id, hall_id, entered, gone, denied, soon)
VALUES ({_AT_MINUTE.format(scan="NEW")},
    NEW.door_id, NEW.hall_id,
    CASE WHEN NEW.decision = 'admitted' AND NEW.direction = 'entry' AND NEW.act <> 'annul'
        THEN 1 ELSE 0 END,
    CASE WHEN NEW.decision = 'admitted' AND (NEW.direction = 'exit' OR NEW.act = 'annul')
        THEN 1 ELSE 0 END,
    CASE WHEN NEW.decision = 'denied' AND NEW.reason <> 'roll_call' THEN 1 ELSE 0 END,
    {_SOON.format(scan="NEW")})
ON CONFLICT (minute, door_id, hall_id) DO UPDATE SET entered = entered + excluded.entered,
    gone = gone + excluded.gone, denied = denied + excluded.denied,
    soon = soon + excluded.soon; END;
"""
# Who began a run, for people, and in which of the engine's histories. Which servers there are, with
# when each was last at work.
SERVERS = """
ALTER TABLE server_run ADD COLUMN server TEXT NOT NULL DEFAULT '';
ALTER TABLE server_run ADD COLUMN history TEXT NOT NULL DEFAULT '';

CREATE TABLE server_process (
    name TEXT PRIMARY KEY,
    address TEXT NOT NULL,
    version TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    run TEXT NOT NULL,
    log_size INTEGER NOT NULL,
    stopped_at INTEGER
) STRICT;
"""

# How many writes of a server failed in the last minute, and why the last one did.
FAILED_WRITES = """
ALTER TABLE server_process ADD COLUMN failed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE server_process ADD COLUMN cause TEXT NOT NULL DEFAULT '';
"""

# When a kiosk asked for what it may ask for only so often.
BUDGETS = """
CREATE TABLE kiosk_budget (
    what TEXT NOT NULL,
    kiosk TEXT NOT NULL,
    generation INTEGER NOT NULL,
    taken_at INTEGER NOT NULL
) STRICT;

CREATE INDEX kiosk_budget_of ON kiosk_budget (what, kiosk, generation);
"""

# What several servers of an event count together: what is allowed only so often, guesses at
# passwords, and requests of machines. And what a browser was asked, for a few minutes.
SHARED_LIMITS = """
CREATE TABLE budget (
    what TEXT NOT NULL,
    who TEXT NOT NULL,
    taken_at INTEGER NOT NULL
) STRICT;

CREATE INDEX budget_of ON budget (what, who);

INSERT INTO budget (what, who, taken_at)
SELECT what, kiosk || '/' || generation, taken_at FROM kiosk_budget;

DROP TABLE kiosk_budget;

CREATE TABLE guess (
    what BLOB PRIMARY KEY NOT NULL,
    tries INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    until INTEGER NOT NULL
) STRICT;

CREATE INDEX guess_last ON guess (last_at);

CREATE TABLE pending (
    session BLOB NOT NULL,
    purpose TEXT NOT NULL,
    sealed BLOB NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (session, purpose)
) STRICT;

CREATE TABLE machine_rate (
    token_id INTEGER PRIMARY KEY,
    parts_left INTEGER NOT NULL,
    counted_at INTEGER NOT NULL
) STRICT;
"""

# Files that staff have sent, between a preview and its confirmation, where several servers serve an
# event (server/web/shared_uploads.py). All of it but who sent it is encrypted.
UPLOADS = """
CREATE TABLE upload (
    token BLOB PRIMARY KEY NOT NULL,
    kind TEXT NOT NULL,
    sent_by TEXT NOT NULL,
    about BLOB NOT NULL,
    until INTEGER NOT NULL
) STRICT;

CREATE TABLE upload_part (
    token BLOB NOT NULL REFERENCES upload,
    number INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (token, number)
) STRICT;
"""

# What the columns and words of a list of attendees mean, as an admin said for an earlier one.
# `answers` is JSON: those of the preview, by their options.
#
# When somebody on a muster's list left the hall stands on the list itself. To look up 30,000 stays
# took most of the page's time.
MAPPINGS_AND_MUSTERS = """
CREATE TABLE roster_mapping (
    name TEXT PRIMARY KEY,
    answers TEXT NOT NULL,
    kept_at INTEGER NOT NULL
) STRICT;

ALTER TABLE muster_person ADD COLUMN left_at INTEGER;

UPDATE muster_person SET left_at = (SELECT s.closed_at FROM stay s
    WHERE s.kiosk = muster_person.kiosk AND s.generation = muster_person.generation
    AND s.seq = muster_person.seq AND s.hall_id = muster_person.hall_id);

CREATE TRIGGER stay_left_in_muster AFTER UPDATE OF closed_at ON stay
BEGIN UPDATE muster_person SET left_at = NEW.closed_at
WHERE muster_id IN (SELECT muster_id FROM muster) AND serial = NEW.serial
    AND kiosk = NEW.kiosk AND generation = NEW.generation AND seq = NEW.seq
    AND hall_id = NEW.hall_id; END;
"""

# No kiosk is believed without the server's signature any more
# (server/core/second_disk/set_back.py).
ONLY_SIGNED = """
ALTER TABLE kiosk DROP COLUMN word;
"""

# The latest run that a kiosk's batches named, so that a copy of its disk is found out, and the
# version of the wire that it states (badges/wire/version.py).
WIRE = """
ALTER TABLE kiosk ADD COLUMN run TEXT NOT NULL DEFAULT '';
ALTER TABLE kiosk ADD COLUMN wire TEXT;
"""

"""The statements that make an event's tables, by migration."""

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

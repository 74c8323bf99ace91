-- The tables of an event, as Hallkeeper 1.0 makes them. Later changes are steps in migrations.py,
-- and this file never changes again.
--
-- Tables are singular and STRICT. `…_at` is Unix milliseconds in UTC. Columns with words in several
-- languages (`names`, `titles`) have JSON with a text for each language. PostgreSQL gets the same,
-- translated (postgresql/schema.py).

-- === Settings that pages and commands change

CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

-- === Staff and how they sign in

-- A first password has to be changed (`must_change`). `unlocked_at` is when an admin let the user
-- in although strangers were guessing. Every secret here is a hash, but for `totp_sealed`, which
-- is encrypted.
CREATE TABLE staff_user (
    user_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    disabled_at INTEGER,
    pin_hash TEXT,
    must_change INTEGER NOT NULL DEFAULT 0,
    unlocked_at INTEGER,
    role TEXT NOT NULL DEFAULT 'steward' CHECK (role IN ('steward', 'supervisor', 'badge_desk',
        'admin', 'auditor', 'protocol')),
    totp_sealed BLOB,
    totp_step INTEGER NOT NULL DEFAULT 0,
    signed_on INTEGER NOT NULL DEFAULT 0 CHECK (signed_on IN (0, 1))
) STRICT;
CREATE UNIQUE INDEX staff_user_name ON staff_user (lower(name));

-- A session that waits for its second factor has `waits` = 1.
CREATE TABLE web_session (
    token_hash BLOB PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES staff_user,
    created_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    confirmed_at INTEGER NOT NULL DEFAULT 0,
    waits INTEGER NOT NULL DEFAULT 0 CHECK (waits IN (0, 1)),
    factor_at INTEGER
) STRICT;
CREATE INDEX web_session_user ON web_session (user_id);

-- `mark` is a hash, of a browser's token or of an address.
CREATE TABLE known_device (
    user_id INTEGER NOT NULL REFERENCES staff_user,
    mark BLOB NOT NULL,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, mark)
) STRICT;

CREATE TABLE passkey (
    credential_id BLOB PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES staff_user,
    rp_id TEXT NOT NULL,
    public_key BLOB NOT NULL,
    sign_count INTEGER NOT NULL,
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    used_at INTEGER
) STRICT;
CREATE INDEX passkey_user ON passkey (user_id);

CREATE TABLE recovery_code (
    user_id INTEGER NOT NULL REFERENCES staff_user,
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
    user_id INTEGER NOT NULL UNIQUE REFERENCES staff_user,
    PRIMARY KEY (issuer, subject)
) STRICT;

-- The last changes of each user through pages: by whom and when, in words, from where in the feed on
-- doors have it, and what there was before and after, so that it can be undone. A dismissed one is
-- not offered any more.
CREATE TABLE page_edit (
    edit_id INTEGER PRIMARY KEY,
    made_by TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    what TEXT NOT NULL,
    cursor INTEGER,
    hall_id INTEGER,
    things TEXT,
    dismissed INTEGER NOT NULL DEFAULT 0
) STRICT;

-- `query` has the words of an address, for the page of entries or of acts.
CREATE TABLE saved_filter (
    filter_id INTEGER PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES staff_user,
    page TEXT NOT NULL CHECK (page IN ('entries', 'acts')),
    name TEXT NOT NULL,
    query TEXT NOT NULL,
    shared INTEGER NOT NULL CHECK (shared IN (0, 1)),
    made_at INTEGER NOT NULL,
    UNIQUE (user_id, page, name)
) STRICT;

-- === What several servers of an event share

-- Each start of a server, and where feed and entry log were then. `server` is who began it, for
-- people, and `history` in which of the engine's histories.
CREATE TABLE server_run (
    run TEXT NOT NULL UNIQUE,
    since_cursor INTEGER NOT NULL,
    since_entries INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    server TEXT NOT NULL DEFAULT '',
    history TEXT NOT NULL DEFAULT ''
) STRICT;

-- Which servers there are, with when each was last at work, how many of its writes failed in the
-- last minute, and why the last one did.
CREATE TABLE server_process (
    name TEXT PRIMARY KEY,
    address TEXT NOT NULL,
    version TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    run TEXT NOT NULL,
    log_size INTEGER NOT NULL,
    stopped_at INTEGER,
    failed INTEGER NOT NULL DEFAULT 0,
    cause TEXT NOT NULL DEFAULT ''
) STRICT;

-- The states of limits on how often something may be done (badges/limits.py), as JSON.
CREATE TABLE limited (
    what TEXT NOT NULL,
    key BLOB NOT NULL,
    state TEXT NOT NULL,
    used_at INTEGER NOT NULL,
    PRIMARY KEY (what, key)
) STRICT;
CREATE INDEX limited_used ON limited (what, used_at);

-- What a browser was asked, for a few minutes.
CREATE TABLE pending (
    session BLOB NOT NULL,
    purpose TEXT NOT NULL,
    sealed BLOB NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (session, purpose)
) STRICT;

-- Files that staff have sent, between a preview and its confirmation
-- (server/web/shared_uploads.py). All of it but who sent it is encrypted.
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

-- Files that a committed step has no more use for, until they are deleted
-- (server/storage/files_to_delete.py)
CREATE TABLE file_to_delete (
    directory BLOB NOT NULL,
    version TEXT NOT NULL,  -- the file's inode and time of change
    PRIMARY KEY (directory, version)
) STRICT;

-- === People and their badges

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

-- `other_names` are names under which rosters and lists have an organisation beside its own, as a
-- JSON list.
CREATE TABLE organisation (
    organisation_id INTEGER PRIMARY KEY,
    code TEXT NOT NULL UNIQUE,
    names TEXT NOT NULL,
    country TEXT NOT NULL,
    kind TEXT NOT NULL,
    other_names TEXT NOT NULL DEFAULT '[]'
) STRICT;

-- A name that an organisation has is a word of its people.
CREATE TRIGGER search_renamed AFTER UPDATE OF names, other_names ON organisation
WHEN (OLD.names, OLD.other_names) IS NOT (NEW.names, NEW.other_names)
BEGIN
    INSERT INTO search_due
        SELECT serial FROM attendee a
        WHERE a.organisation_id = NEW.organisation_id
        ON CONFLICT DO NOTHING;
END;

-- `latin_name` is the name in Latin letters that a roster gives, `job_title` the position in the
-- organisation, and `order_number` that of a ticket shop's order. All of a delegation may have the address of one office, so `email` is not unique.
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
    revoked_at INTEGER,
    organisation_id INTEGER REFERENCES organisation,
    latin_name TEXT NOT NULL DEFAULT '',
    phone TEXT NOT NULL DEFAULT '',
    order_number TEXT NOT NULL DEFAULT '',
    job_title TEXT NOT NULL DEFAULT ''
) STRICT;

-- It gives the whole list by name without sorting it.
CREATE INDEX attendee_name ON attendee (family_name, given_name, serial);
CREATE INDEX attendee_email ON attendee (lower(email)) WHERE email <> '';
CREATE INDEX attendee_organisation ON attendee (organisation);
CREATE INDEX attendee_organisation_id ON attendee (organisation_id)
    WHERE organisation_id IS NOT NULL;

-- Attendees are counted by country on pages, without going through their whole rows.
CREATE INDEX attendee_country ON attendee (country);

-- A badge that was revoked before its holder was known stays so.
CREATE TRIGGER holder_known AFTER INSERT ON attendee
WHEN EXISTS (SELECT 1 FROM unknown_holder u WHERE u.serial = NEW.serial)
BEGIN
    UPDATE attendee
        SET revoked_at = COALESCE(revoked_at,
            (SELECT revoked_at FROM unknown_holder u WHERE u.serial = NEW.serial))
        WHERE serial = NEW.serial;
    DELETE FROM unknown_holder WHERE serial = NEW.serial;
END;

-- `search_due` gets whose words are to be folded anew.
CREATE TRIGGER search_added AFTER INSERT ON attendee
BEGIN INSERT INTO search_due VALUES (NEW.serial) ON CONFLICT DO NOTHING; END;

-- `changed_holder` gets whose newest badge says what is no longer so.
CREATE TRIGGER holder_changed AFTER UPDATE OF given_name, family_name, organisation, country,
    category, valid_days, zones, flags ON attendee
WHEN (OLD.given_name, OLD.family_name, OLD.organisation, OLD.country, OLD.category, OLD.valid_days,
    OLD.zones, OLD.flags) IS NOT (NEW.given_name, NEW.family_name, NEW.organisation, NEW.country,
    NEW.category, NEW.valid_days, NEW.zones, NEW.flags)
    AND EXISTS (SELECT 1 FROM badge b WHERE b.serial = NEW.serial)
BEGIN INSERT INTO changed_holder VALUES (NEW.serial) ON CONFLICT DO NOTHING; END;

CREATE TRIGGER search_changed AFTER UPDATE OF given_name, family_name, latin_name, organisation,
    organisation_id, email, external_id, phone, order_number ON attendee
BEGIN INSERT INTO search_due VALUES (NEW.serial) ON CONFLICT DO NOTHING; END;

-- Badges whose holders are not known here.
CREATE TABLE unknown_holder (
    serial INTEGER PRIMARY KEY CHECK (serial BETWEEN 0 AND 16777215),
    highest_issue INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;

-- `printed` is how often a badge was printed, and `printed_as` a hash of what stood on the card.
-- `collected_at` is when the card was handed over at the desk.
CREATE TABLE badge (
    serial INTEGER NOT NULL REFERENCES attendee,
    issue INTEGER NOT NULL CHECK (issue BETWEEN 1 AND 255),
    credential TEXT NOT NULL UNIQUE,
    lookup BLOB NOT NULL,
    sealed BLOB NOT NULL,
    issued_at INTEGER NOT NULL,
    names_row INTEGER NOT NULL UNIQUE,
    printed INTEGER NOT NULL DEFAULT 0 CHECK (printed >= 0),
    printed_at INTEGER,
    printed_as TEXT NOT NULL DEFAULT '',
    collected_at INTEGER,
    collected_by TEXT,
    PRIMARY KEY (serial, issue)
) STRICT;

-- Printed cards that are still at the desk.
CREATE INDEX badge_to_collect ON badge (serial, issue) WHERE printed > 0 AND collected_at IS NULL;

-- Badges that staff took back within a minute, so that the one before is valid again. Their numbers
-- are never used again.
CREATE TABLE withdrawn_badge (
    serial INTEGER NOT NULL REFERENCES attendee,
    issue INTEGER NOT NULL,
    credential TEXT NOT NULL UNIQUE,
    lookup BLOB NOT NULL,
    names_row INTEGER NOT NULL UNIQUE,
    withdrawn_at INTEGER NOT NULL,
    PRIMARY KEY (serial, issue)
) STRICT;

-- The box or letter at the desk where a person's card is, as staff noted it.
CREATE TABLE card_box (
    serial INTEGER PRIMARY KEY REFERENCES attendee,
    box TEXT NOT NULL
) STRICT;

CREATE TRIGGER holder_reissued AFTER INSERT ON badge
BEGIN DELETE FROM changed_holder WHERE serial = NEW.serial; END;

-- Holders whose newest badge may say what is no longer so. `issuing.changed_badges` looks only at
-- these badges.
CREATE TABLE changed_holder (serial INTEGER PRIMARY KEY REFERENCES attendee) STRICT;

-- Credentials for one day of the event (from 0), each for the issue of the badge that it stands in
-- for. They share the numbers of `names_row` with badges.
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

-- The newest link of a phone page, where it is not the first one or does not stand.
CREATE TABLE phone_link (
    serial INTEGER PRIMARY KEY REFERENCES attendee,
    number INTEGER NOT NULL CHECK (number BETWEEN 0 AND 255),
    revoked_at INTEGER
) STRICT;

-- Whom a background job is about, until it is done (server/web/jobs.py).
CREATE TABLE job_person (
    kind TEXT NOT NULL,
    serial INTEGER NOT NULL REFERENCES attendee,
    PRIMARY KEY (kind, serial)
) STRICT;
CREATE INDEX job_person_serial ON job_person (serial);

-- The words by which people are found (server/core/people/search.py), and two indexes of them.
-- Triggers keep these, whoever changes the words.
CREATE TABLE attendee_search (
    serial INTEGER PRIMARY KEY REFERENCES attendee ON DELETE CASCADE,
    whole TEXT NOT NULL,
    name TEXT NOT NULL,
    organisation TEXT NOT NULL,
    contact TEXT NOT NULL,
    pieces TEXT NOT NULL
) STRICT;

CREATE TRIGGER search_word_added AFTER INSERT ON attendee_search
BEGIN
    INSERT INTO search_word (rowid, whole, name, organisation, contact, pieces)
        VALUES (NEW.serial, NEW.whole, NEW.name, NEW.organisation, NEW.contact, NEW.pieces);
END;

CREATE TRIGGER search_word_gone AFTER DELETE ON attendee_search
BEGIN
    INSERT INTO search_word (search_word, rowid, whole, name, organisation, contact, pieces)
        VALUES ('delete', OLD.serial, OLD.whole, OLD.name, OLD.organisation, OLD.contact,
            OLD.pieces);
END;

CREATE TRIGGER search_word_changed AFTER UPDATE ON attendee_search
BEGIN
    INSERT INTO search_word (search_word, rowid, whole, name, organisation, contact, pieces)
        VALUES ('delete', OLD.serial, OLD.whole, OLD.name, OLD.organisation, OLD.contact,
            OLD.pieces);
    INSERT INTO search_word (rowid, whole, name, organisation, contact, pieces)
        VALUES (NEW.serial, NEW.whole, NEW.name, NEW.organisation, NEW.contact, NEW.pieces);
END;

CREATE TRIGGER search_inside_added AFTER INSERT ON attendee_search
BEGIN
    INSERT INTO search_inside (rowid, whole, name, organisation, contact)
        VALUES (NEW.serial, NEW.whole, NEW.name, NEW.organisation, NEW.contact);
END;

CREATE TRIGGER search_inside_gone AFTER DELETE ON attendee_search
BEGIN
    INSERT INTO search_inside (search_inside, rowid, whole, name, organisation, contact)
        VALUES ('delete', OLD.serial, OLD.whole, OLD.name, OLD.organisation, OLD.contact);
END;

CREATE TRIGGER search_inside_changed AFTER UPDATE ON attendee_search
BEGIN
    INSERT INTO search_inside (search_inside, rowid, whole, name, organisation, contact)
        VALUES ('delete', OLD.serial, OLD.whole, OLD.name, OLD.organisation, OLD.contact);
    INSERT INTO search_inside (rowid, whole, name, organisation, contact)
        VALUES (NEW.serial, NEW.whole, NEW.name, NEW.organisation, NEW.contact);
END;

CREATE VIRTUAL TABLE search_word USING fts5 (
    whole, name, organisation, contact, pieces,
    content = 'attendee_search', content_rowid = 'serial',
    tokenize = 'ascii', detail = 'column', columnsize = 0
);

CREATE VIRTUAL TABLE search_inside USING fts5 (
    whole, name, organisation, contact,
    content = 'attendee_search', content_rowid = 'serial',
    tokenize = 'trigram', detail = 'none', columnsize = 0
);

-- The people whose words are still to be folded.
CREATE TABLE search_due (serial INTEGER PRIMARY KEY REFERENCES attendee ON DELETE CASCADE) STRICT;

-- What the columns and words of a list of attendees mean, as an admin said for an earlier one.
-- `answers` is JSON: those of the preview, by their options.
CREATE TABLE roster_mapping (
    name TEXT PRIMARY KEY,
    answers TEXT NOT NULL,
    kept_at INTEGER NOT NULL
) STRICT;

-- === Halls and doors

-- Until `shared_until` the hall's places need no new share, as long as nobody asks
-- (server/core/occupancy/grants.py). `leaving` is how a hall counts those who left, `moved_on`
-- counts moves whose place is still counted, and `unconfirmed_moves` those whose place was freed
-- without an exit to confirm it.
-- `accessible_places` are kept for wheelchair users and their companions, until so many minutes
-- before the hall's next session (NULL: for good). From `floor_m2` to `emergency_min` stands what
-- was measured in the hall (server/core/venue/capacity_reasons.py), and then by whose word its
-- capacity is what it is, as the entry log names them, and when. NULL: not said.
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
    change_cursor INTEGER NOT NULL DEFAULT 0,
    shared_until INTEGER NOT NULL DEFAULT 0,
    leaving TEXT NOT NULL DEFAULT 'scanned' CHECK (leaving IN ('scanned', 'inferred')),
    walk_s INTEGER,
    moved_on INTEGER NOT NULL DEFAULT 0,
    unconfirmed_moves INTEGER NOT NULL DEFAULT 0,
    accessible_places INTEGER NOT NULL DEFAULT 0 CHECK (accessible_places >= 0),
    accessible_until_min INTEGER CHECK (accessible_until_min >= 0),
    open_accessible INTEGER NOT NULL DEFAULT 0 CHECK (open_accessible >= 0),
    floor_m2 REAL CHECK (floor_m2 > 0),
    m2_per_person REAL CHECK (m2_per_person > 0),
    seats INTEGER CHECK (seats >= 0),
    exit_width_m REAL CHECK (exit_width_m >= 0),
    exit_steps_width_m REAL CHECK (exit_steps_width_m >= 0),
    entry_lanes INTEGER CHECK (entry_lanes >= 0),
    fill_min REAL CHECK (fill_min > 0),
    clear_min REAL CHECK (clear_min > 0),
    emergency_min REAL CHECK (emergency_min > 0),
    capacity_by TEXT,
    capacity_at INTEGER
) STRICT;

-- Links of public screens at a hall's doors. Only a hash of a link's secret is stored.
CREATE TABLE hall_screen (
    screen_id INTEGER PRIMARY KEY,
    hall_id INTEGER NOT NULL REFERENCES hall,
    token_hash BLOB NOT NULL UNIQUE,
    made_by TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;

CREATE TABLE hall_category (
    hall_id INTEGER NOT NULL REFERENCES hall,
    category INTEGER NOT NULL REFERENCES category,
    PRIMARY KEY (hall_id, category)
) STRICT;

CREATE TABLE accessible_guest (
    serial INTEGER PRIMARY KEY REFERENCES attendee ON DELETE CASCADE,
    kind TEXT NOT NULL
) STRICT;

CREATE TABLE door (
    door_id INTEGER PRIMARY KEY,
    code TEXT NOT NULL UNIQUE,
    hall_id INTEGER NOT NULL REFERENCES hall,
    names TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('entry', 'exit', 'both'))
) STRICT;

-- Where a door leads from, if anybody has said so. That is a hall around its own, or NULL for
-- outside.
CREATE TABLE door_from (
    door_id INTEGER PRIMARY KEY REFERENCES door,
    said INTEGER NOT NULL CHECK (said IN (0, 1)),
    from_id INTEGER REFERENCES hall
) STRICT;

-- === The programme and the exhibition

-- A forum has activities with their hosts. A session is an activity's time in a hall.
CREATE TABLE activity_kind (code TEXT PRIMARY KEY, names TEXT NOT NULL) STRICT;

INSERT INTO activity_kind VALUES
    ('conference', '{"en": "Conference", "zh": "会议"}'),
    ('exhibition', '{"en": "Exhibition", "zh": "展览"}'),
    ('transaction', '{"en": "Technology transaction", "zh": "技术交易"}'),
    ('release', '{"en": "Outcome news release", "zh": "成果发布"}'),
    ('competition', '{"en": "Competition", "zh": "大赛"}');

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

CREATE TABLE session (
    session_id INTEGER PRIMARY KEY,
    code TEXT NOT NULL UNIQUE,
    hall_id INTEGER NOT NULL REFERENCES hall,
    titles TEXT NOT NULL,
    starts_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL CHECK (ends_at > starts_at),
    opens_at INTEGER NOT NULL,
    closes_at INTEGER NOT NULL CHECK (closes_at > opens_at),
    activity_id INTEGER REFERENCES activity
) STRICT;
CREATE INDEX session_hall ON session (hall_id, closes_at);
CREATE INDEX session_activity ON session (activity_id) WHERE activity_id IS NOT NULL;

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

-- Of a speaker who is not on the roster the file's own words are kept (`label`, an external id or
-- e-mail, and `name`) until the roster brings them.
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

-- Whom a file invites, or a roster's invitations to sessions, until both are there.
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

-- === Kiosks

-- `last_seq` is how long the kiosk's journal was when it last said so, at `reported_at`. The scans
-- that wait there are this less what is acknowledged (`acked_seq`). `run` is the latest run that
-- its batches named, so that a copy of its disk is found out, and `wire` the version of the wire
-- that it states (badges/wire/version.py).
CREATE TABLE kiosk (
    kiosk TEXT NOT NULL,
    generation INTEGER NOT NULL,
    door_id INTEGER NOT NULL REFERENCES door,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'proven', 'active', 'retired', 'fenced')),
    token_hash BLOB UNIQUE,
    token_expires_at INTEGER,
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
    last_seq INTEGER NOT NULL DEFAULT 0,
    reported_at INTEGER,
    run TEXT NOT NULL DEFAULT '',
    wire TEXT,
    PRIMARY KEY (kiosk, generation)
) STRICT;

-- When a kiosk was heard of in the last hour, and how many scans waited there: a ring of 60
-- minutes (Unix ms / 60,000).
CREATE TABLE kiosk_minute (
    kiosk TEXT NOT NULL,
    slot INTEGER NOT NULL CHECK (slot BETWEEN 0 AND 59),
    minute INTEGER NOT NULL,
    heard INTEGER NOT NULL,
    queue INTEGER NOT NULL,
    PRIMARY KEY (kiosk, slot)
) STRICT;

CREATE TABLE outage (
    outage_id INTEGER PRIMARY KEY,
    kiosk TEXT NOT NULL,
    generation INTEGER NOT NULL,
    since INTEGER NOT NULL,
    back_at INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    FOREIGN KEY (kiosk, generation) REFERENCES kiosk
) STRICT;
CREATE INDEX outage_kiosk ON outage (kiosk, generation);

-- The feed that kiosks follow. A change without `hall_id` and `kiosk` is for all of them.
CREATE TABLE change (
    cursor INTEGER PRIMARY KEY AUTOINCREMENT,
    hall_id INTEGER,
    kiosk TEXT,
    body TEXT NOT NULL
) STRICT;

-- === The entry log

-- `salt` is that of the leaf's commitment (badges/transparency/commitment.py). A leaf without one
-- is itself the entry. Of an erased leaf the body is the commitment, without salt.
CREATE TABLE leaf (
    number INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    at INTEGER NOT NULL,
    hash BLOB NOT NULL,
    body BLOB NOT NULL,
    salt BLOB
) STRICT;
CREATE INDEX leaf_kind ON leaf (kind, number) WHERE kind <> 'scan';

-- These find acts by their time, by who did what, and by what they are about. Plain scans are in
-- none of them and cost nothing more.
CREATE INDEX leaf_act_at ON leaf (at) WHERE kind = 'act';
CREATE INDEX leaf_act ON leaf (json_extract(CAST(body AS TEXT), '$.act'), at) WHERE kind = 'act';
CREATE INDEX leaf_act_by ON leaf (json_extract(CAST(body AS TEXT), '$.by'), at) WHERE kind = 'act';
CREATE INDEX leaf_act_by_act
    ON leaf (json_extract(CAST(body AS TEXT), '$.by'), json_extract(CAST(body AS TEXT), '$.act'),
        at)
    WHERE kind = 'act';
CREATE INDEX leaf_act_serial ON leaf (json_extract(CAST(body AS TEXT), '$.subject.serial'), at)
    WHERE kind = 'act';
CREATE INDEX leaf_act_of_serial ON leaf (json_extract(CAST(body AS TEXT), '$.subject.serial'), at)
    WHERE kind = 'act' AND json_extract(CAST(body AS TEXT), '$.subject.serial') IS NOT NULL;
CREATE INDEX leaf_act_of_hall ON leaf (json_extract(CAST(body AS TEXT), '$.subject.hall'), at)
    WHERE kind = 'act' AND json_extract(CAST(body AS TEXT), '$.subject.hall') IS NOT NULL;
CREATE INDEX leaf_act_of_door ON leaf (json_extract(CAST(body AS TEXT), '$.subject.door'), at)
    WHERE kind = 'act' AND json_extract(CAST(body AS TEXT), '$.subject.door') IS NOT NULL;
CREATE INDEX leaf_act_of_session
    ON leaf (json_extract(CAST(body AS TEXT), '$.subject.session'), at)
    WHERE kind = 'act' AND json_extract(CAST(body AS TEXT), '$.subject.session') IS NOT NULL;
CREATE INDEX leaf_act_of_user ON leaf (json_extract(CAST(body AS TEXT), '$.subject.user'), at)
    WHERE kind = 'act' AND json_extract(CAST(body AS TEXT), '$.subject.user') IS NOT NULL;
CREATE INDEX leaf_act_of_kiosk ON leaf (json_extract(CAST(body AS TEXT), '$.subject.kiosk'), at)
    WHERE kind = 'act' AND json_extract(CAST(body AS TEXT), '$.subject.kiosk') IS NOT NULL;

-- It finds, by the server's clock, the entries that are no scan and no act.
CREATE INDEX leaf_other_at ON leaf (at) WHERE kind <> 'scan' AND kind <> 'act';

-- What is left of an erased scan, which keeps its kiosk's chain whole.
CREATE TABLE erased_scan (
    number INTEGER PRIMARY KEY REFERENCES leaf,
    record_hash BLOB,
    signature BLOB
) STRICT;

-- What acts changed, before and after, as the entry log may not: it is personal.
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

-- The newest checkpoint that each kiosk cosigned.
CREATE TABLE cosignature (
    kiosk TEXT NOT NULL,
    generation INTEGER NOT NULL,
    size INTEGER NOT NULL,
    note TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (kiosk, generation),
    FOREIGN KEY (kiosk, generation) REFERENCES kiosk
) STRICT;

-- What others outside say of the entry log (server/features/evidence): the newest checkpoint that
-- was given out, the newest one that each witness cosigned, and stamps by which a time-stamping
-- authority says when a checkpoint was there. `log` is the log's name, which a restored server
-- changes.
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

CREATE TABLE outside_failure (
    who TEXT PRIMARY KEY,
    code TEXT NOT NULL,
    words TEXT NOT NULL,
    since INTEGER NOT NULL
) STRICT;

-- === Scans

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
CREATE INDEX scan_act ON scan (act, number) WHERE act <> 'scan';
CREATE INDEX scan_spoiled ON scan (number) WHERE reason IN ('forged', 'likely_copy');
CREATE INDEX scan_denied ON scan (serial, scanned_at)
    WHERE decision = 'denied' AND reason <> 'roll_call' AND serial IS NOT NULL;
CREATE INDEX scan_roll_call ON scan (number) WHERE reason = 'roll_call';

-- A hall that is full or closed denies everybody, which says nothing of the door, so
-- `door_quarter` leaves those denials out.
CREATE TRIGGER scan_counted AFTER INSERT ON scan
WHEN NEW.act = 'scan' AND NEW.direction = 'entry' AND (NEW.decision = 'admitted'
    OR NEW.reason NOT IN ('hall_full', 'hall_closed', 'door_resting', 'kiosk_retired', 'roll_call'))
BEGIN
    INSERT INTO door_quarter
        VALUES ((NEW.scanned_at - COALESCE(NEW.skew_ms, 0)) / 900000, NEW.door_id,
            CASE NEW.decision WHEN 'admitted' THEN 1 ELSE 0 END,
            CASE NEW.decision WHEN 'admitted' THEN 0 ELSE 1 END)
        ON CONFLICT (quarter, door_id) DO UPDATE SET
            admitted = door_quarter.admitted + excluded.admitted,
            denied = door_quarter.denied + excluded.denied;
END;

-- A scan that changes unmarks its block.
CREATE TRIGGER entry_unmarked_changed AFTER UPDATE ON scan
BEGIN DELETE FROM entry_block WHERE block = OLD.number / 8192; END;

CREATE TRIGGER entry_unmarked_gone AFTER DELETE ON scan
BEGIN DELETE FROM entry_block WHERE block = OLD.number / 8192; END;

-- A scan counts in the minute of its own door, by the clock as it was measured, and never later
-- than it came. `soon` counts entries within 8 s of the one before at the same kiosk.
CREATE TRIGGER scan_in_minute AFTER INSERT ON scan
BEGIN
    INSERT INTO door_minute (minute, door_id, hall_id, entered, gone, denied, soon)
    VALUES (
        (CASE WHEN NEW.scanned_at - COALESCE(NEW.skew_ms, 0) < NEW.received_at
        THEN NEW.scanned_at - COALESCE(NEW.skew_ms, 0) ELSE NEW.received_at END) / 60000,
        NEW.door_id, NEW.hall_id,
        CASE WHEN NEW.decision = 'admitted' AND NEW.direction = 'entry' AND NEW.act <> 'annul'
            THEN 1 ELSE 0 END,
        CASE WHEN NEW.decision = 'admitted' AND (NEW.direction = 'exit' OR NEW.act = 'annul')
            THEN 1 ELSE 0 END,
        CASE WHEN NEW.decision = 'denied' AND NEW.reason <> 'roll_call' THEN 1 ELSE 0 END,
        CASE WHEN NEW.direction = 'entry' AND NEW.act = 'scan'
            AND COALESCE(NEW.reason, '') <> 'roll_call' AND EXISTS (SELECT 1 FROM scan AS b
            WHERE b.kiosk = NEW.kiosk AND b.generation = NEW.generation
            AND b.seq = NEW.seq - 1 AND b.door_id = NEW.door_id AND b.act = 'scan'
            AND NEW.scanned_at - b.scanned_at BETWEEN 0 AND 8000)
        THEN 1 ELSE 0 END)
    ON CONFLICT (minute, door_id, hall_id) DO UPDATE SET
        entered = door_minute.entered + excluded.entered, gone = door_minute.gone + excluded.gone,
        denied = door_minute.denied + excluded.denied, soon = door_minute.soon + excluded.soon;
END;

-- What finds entries by what they are (server/core/ledger/marks.py). A block is 8,192 numbers of
-- the entry log, and a mark says which of them have a value. Blocks are marked once they are full,
-- so that a scan that arrives costs nothing more.
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

CREATE TABLE discrepancy (
    discrepancy_id INTEGER PRIMARY KEY,
    number INTEGER NOT NULL REFERENCES scan,
    other_number INTEGER REFERENCES scan,
    reason TEXT NOT NULL,
    noticed_at INTEGER NOT NULL
) STRICT;
CREATE INDEX discrepancy_number ON discrepancy (number);

-- For each holder, the newest badge that seems to have been in two places at once
-- (server/core/occupancy/copies.py).
CREATE TABLE likely_copy (
    serial INTEGER PRIMARY KEY CHECK (serial BETWEEN 0 AND 16777215),
    issue INTEGER NOT NULL,
    number INTEGER NOT NULL,
    noticed_at INTEGER NOT NULL,
    cleared_at INTEGER
) STRICT;

-- What staff said of a thing that needs a look (server/features/reports): `subject` is a
-- discrepancy, a scan, a person's serial or a door, and `period` the day or the quarter hour that
-- it is about. `count` is how many denials there were then. The entry log has every mark, and this
-- table the last one.
CREATE TABLE attention (
    kind TEXT NOT NULL,
    subject INTEGER NOT NULL,
    period INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'seen', 'settled')),
    count INTEGER NOT NULL,
    note TEXT NOT NULL,
    set_by TEXT NOT NULL,
    set_at INTEGER NOT NULL,
    PRIMARY KEY (kind, subject, period)
) STRICT;

-- Each door's answers to entries, by quarter hours of Unix time.
CREATE TABLE door_quarter (
    quarter INTEGER NOT NULL,
    door_id INTEGER NOT NULL,
    admitted INTEGER NOT NULL,
    denied INTEGER NOT NULL,
    PRIMARY KEY (quarter, door_id)
) STRICT;

-- === Who is inside, and places

-- One entry may open a stay in its hall and in each hall around it, and one exit may end them. So
-- a stay is named with its hall. `around` is 1 where the hall is not the door's own. `override` is
-- a badges.record.PlaceKind. `epoch` is that of the server's time in which the kiosk had measured
-- its clock. 0 means that it did not say.
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
    clock_known INTEGER NOT NULL DEFAULT 0,
    after_move TEXT CHECK (after_move IN ('counted', 'freed')),
    issue INTEGER NOT NULL DEFAULT 0,
    epoch INTEGER NOT NULL DEFAULT 0,
    around INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (kiosk, generation, seq, hall_id)
) STRICT;
CREATE INDEX stay_hall ON stay (hall_id) WHERE closed_at IS NULL;

-- It finds a holder's stays by when they were over. An entry looks only at those that were not,
-- however often its holder went in and out before.
CREATE INDEX stay_serial ON stay (serial, MAX(opened_at, COALESCE(closed_at, 9223372036854775807)));
CREATE INDEX stay_after_move ON stay (hall_id, after_move) WHERE after_move IS NOT NULL;

-- It counts moves, so that no way of ending a stay can forget to.
CREATE TRIGGER stay_moved AFTER UPDATE OF after_move ON stay
WHEN NEW.after_move IS NOT OLD.after_move
BEGIN
    UPDATE hall SET
        moved_on = moved_on + CASE NEW.after_move WHEN 'counted' THEN 1 ELSE 0 END
            - CASE OLD.after_move WHEN 'counted' THEN 1 ELSE 0 END,
        unconfirmed_moves = unconfirmed_moves + CASE NEW.after_move WHEN 'freed' THEN 1 ELSE 0 END
            - CASE OLD.after_move WHEN 'freed' THEN 1 ELSE 0 END
        WHERE hall_id = NEW.hall_id;
END;

-- These keep `hall_minute`.
CREATE TRIGGER stay_came AFTER INSERT ON stay
BEGIN
    INSERT INTO hall_minute
        VALUES (NEW.hall_id, NEW.opened_at / 60000, 1, 0)
        ON CONFLICT (hall_id, minute) DO UPDATE SET came = hall_minute.came + 1;
END;

CREATE TRIGGER stay_came_over AFTER INSERT ON stay
WHEN NEW.closed_at IS NOT NULL
BEGIN
    INSERT INTO hall_minute
        VALUES (NEW.hall_id, NEW.closed_at / 60000, 0, 1)
        ON CONFLICT (hall_id, minute) DO UPDATE SET went = hall_minute.went + 1;
END;

CREATE TRIGGER stay_went AFTER UPDATE OF closed_at ON stay
WHEN NEW.closed_at IS NOT NULL
BEGIN
    INSERT INTO hall_minute
        VALUES (NEW.hall_id, NEW.closed_at / 60000, 0, 1)
        ON CONFLICT (hall_id, minute) DO UPDATE SET went = hall_minute.went + 1;
END;

CREATE TRIGGER stay_went_otherwise AFTER UPDATE OF closed_at ON stay
WHEN OLD.closed_at IS NOT NULL
BEGIN
    UPDATE hall_minute
        SET went = went - 1
        WHERE hall_id = OLD.hall_id AND minute = OLD.closed_at / 60000;
END;

-- When somebody on a muster's list left the hall stands on the list itself. To look up 30,000
-- stays took most of the page's time.
CREATE TRIGGER stay_left_in_muster AFTER UPDATE OF closed_at ON stay
BEGIN
    UPDATE muster_person
        SET left_at = NEW.closed_at
        WHERE muster_id IN (SELECT muster_id FROM muster) AND serial = NEW.serial
            AND kiosk = NEW.kiosk AND generation = NEW.generation AND seq = NEW.seq
            AND hall_id = NEW.hall_id;
END;

-- Exits that name a stay whose entry has not come yet.
CREATE TABLE early_exit (
    kiosk TEXT NOT NULL,
    generation INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    closed_at INTEGER NOT NULL,
    closed_by TEXT NOT NULL,
    hall_id INTEGER NOT NULL,
    PRIMARY KEY (kiosk, generation, seq, hall_id)
) STRICT;

-- Exits that name no stay, kept because their entry may still come from a door that is away.
CREATE TABLE unnamed_exit (
    number INTEGER NOT NULL REFERENCES scan,
    serial INTEGER NOT NULL,
    hall_id INTEGER NOT NULL,
    at INTEGER NOT NULL,
    epoch INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX unnamed_exit_serial ON unnamed_exit (serial, hall_id);
CREATE UNIQUE INDEX unnamed_exit_number ON unnamed_exit (number, hall_id);

-- Which places of a hall each kiosk has. `override` is a badges.record.PlaceKind.
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
CREATE INDEX place_account_kiosk ON place_account (kiosk, generation);

-- === What the board shows

-- What the board shows of the last minutes and of the day, kept by the minute (Unix ms / 60,000),
-- so that no page counts scans. `soon` is how many of a minute's scans came soon after the one
-- before at the same kiosk. From that a hall's day tells in which minutes a queue stood, for no
-- kiosk counts who waits.
CREATE TABLE door_minute (
    minute INTEGER NOT NULL,
    door_id INTEGER NOT NULL,
    hall_id INTEGER NOT NULL,
    entered INTEGER NOT NULL,
    gone INTEGER NOT NULL,
    denied INTEGER NOT NULL,
    soon INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (minute, door_id, hall_id)
) STRICT;
CREATE INDEX door_minute_hall ON door_minute (hall_id, minute);

CREATE TABLE hall_minute (
    hall_id INTEGER NOT NULL,
    minute INTEGER NOT NULL,
    came INTEGER NOT NULL,
    went INTEGER NOT NULL,
    PRIMARY KEY (hall_id, minute)
) STRICT;

-- Who looks after what, with `since`, by which one occurrence is told from the next.
CREATE TABLE taken_alert (
    alert TEXT PRIMARY KEY,
    level INTEGER NOT NULL,
    since INTEGER,
    taken_by TEXT NOT NULL,
    taken_at INTEGER NOT NULL,
    note TEXT NOT NULL
) STRICT;

-- === Evacuations

-- In an evacuation, who was in which hall when it began, by which stay, and how sure that is
-- (server/core/muster/snapshot.py). `epoch` is that of the server's time at `begun_at`. `seen_at`
-- is the first time that counts. With `is_unproven` it may be older than an entry
-- (server/core/muster/sightings.py). Serials stand without a reference, because a badge that is on
-- no roster may be inside too.
CREATE TABLE muster (
    muster_id INTEGER PRIMARY KEY,
    reason TEXT NOT NULL,
    begun_at INTEGER NOT NULL,
    begun_by TEXT NOT NULL,
    ended_at INTEGER,
    ended_by TEXT,
    note TEXT,
    epoch INTEGER NOT NULL DEFAULT 0
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
    left_at INTEGER,
    is_unproven INTEGER NOT NULL DEFAULT 0,
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
    not_before INTEGER NOT NULL,
    clock_known INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    shown_entry INTEGER,
    void_badge INTEGER NOT NULL DEFAULT 0,
    withdrawn INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX muster_seen_serial ON muster_seen (muster_id, serial);

-- === Protocol guests

-- People of whose arrival named staff (watchers) get a silent notice. An arrival is the first
-- entry of a guest on a day (counted from the event's first; earlier ones are negative).
CREATE TABLE protocol_guest (
    serial INTEGER PRIMARY KEY REFERENCES attendee,
    set_at INTEGER NOT NULL
) STRICT;

CREATE TABLE protocol_watcher (
    serial INTEGER NOT NULL REFERENCES protocol_guest ON DELETE CASCADE,
    user_id INTEGER NOT NULL REFERENCES staff_user,
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
    user_id INTEGER NOT NULL REFERENCES staff_user,
    arrival_id INTEGER NOT NULL REFERENCES arrival,
    seen_at INTEGER,
    PRIMARY KEY (user_id, arrival_id)
) STRICT;
CREATE INDEX arrival_notice_unseen ON arrival_notice (user_id) WHERE seen_at IS NULL;

-- === The badge desk and its printers

-- `kind` is a name in server/features/printers/kinds.py. `state` is the printer's last report. `place` is the order in which desks choose them. A printer
-- without desks serves them all.
CREATE TABLE printer (
    printer_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    address TEXT NOT NULL,
    kind TEXT NOT NULL,
    format TEXT NOT NULL,
    layer_only INTEGER NOT NULL DEFAULT 0 CHECK (layer_only IN (0, 1)),
    dpi INTEGER NOT NULL CHECK (dpi BETWEEN 100 AND 1200),
    trusts_sending INTEGER NOT NULL DEFAULT 0 CHECK (trusts_sending IN (0, 1)),
    certificate TEXT NOT NULL DEFAULT '',
    place INTEGER NOT NULL DEFAULT 0,
    labels_left INTEGER CHECK (labels_left >= 0),
    state TEXT NOT NULL DEFAULT 'unknown',
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

-- A job without a serial is a test print. `sent_at` is when the first byte may have left for the
-- printer, and `remote` is what the printer calls the job, or what it counted before.
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
CREATE INDEX print_job_serial ON print_job (serial) WHERE serial IS NOT NULL;

-- What the badge desk did. `nonce` belongs to one form, so that a form that is sent twice does
-- nothing the second time. `begun_at` is when the clerk began with this person. `job_id` names the
-- print job. With `by_browser` the clerk's own browser prints, and then, as for a phone, `done_at`
-- is when the clerk said that the badge is handed over. `kept` is what undoing needs, as JSON.
-- Only a user's last act has it.
CREATE TABLE desk_submission (
    submission_id INTEGER PRIMARY KEY,
    nonce TEXT NOT NULL UNIQUE,
    desk TEXT NOT NULL,
    made_by TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    serial INTEGER NOT NULL REFERENCES attendee,
    issue INTEGER NOT NULL,
    begun_at INTEGER NOT NULL,
    job_id INTEGER,
    by_browser INTEGER NOT NULL CHECK (by_browser IN (0, 1)),
    done_at INTEGER,
    kept TEXT,
    undone_at INTEGER
) STRICT;
CREATE INDEX desk_submission_made_by ON desk_submission (made_by, submission_id);
CREATE INDEX desk_submission_serial ON desk_submission (serial, submission_id);
CREATE INDEX desk_submission_made_at ON desk_submission (made_at);

-- Whose ID document the desk has seen.
CREATE TABLE id_check (
    serial INTEGER PRIMARY KEY REFERENCES attendee,
    checked_by TEXT NOT NULL,
    checked_at INTEGER NOT NULL
) STRICT;

-- === Attendees' calendars, wallets and mails

-- What attendees were given for their own calendars and wallets.
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

-- `sent_to` is a hash of the address. `state` is written before the mail goes out and after, so
-- that after a crash nobody gets it twice.
CREATE TABLE mail (
    serial INTEGER NOT NULL REFERENCES attendee ON DELETE CASCADE,
    issue INTEGER NOT NULL,
    template TEXT NOT NULL,
    message_id TEXT NOT NULL UNIQUE,
    sent_to BLOB NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('sending', 'sent', 'delayed', 'refused', 'bounced')),
    tries INTEGER NOT NULL,
    at INTEGER NOT NULL,
    answer TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (serial, issue, template)
) STRICT;
CREATE INDEX mail_state ON mail (template, state);

-- The board looks for mails that failed lately, and most mails have not.
CREATE INDEX mail_failed ON mail (at, state) WHERE state IN ('delayed', 'refused', 'bounced');

-- === Integrations: tokens and webhooks

-- Tokens of integrations.
CREATE TABLE api_token (
    token_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    token_hash BLOB NOT NULL UNIQUE,
    scopes TEXT NOT NULL,
    made_by TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    revoked_at INTEGER,
    used_at INTEGER
) STRICT;
CREATE UNIQUE INDEX api_token_name ON api_token (lower(name));

-- Receivers of webhooks. A message is made from the entry log, or from a notice of an event that has
-- no leaf (a hall that is full, an alert).
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

CREATE TABLE webhook_alert (
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    began_at INTEGER NOT NULL,
    PRIMARY KEY (kind, subject)
) STRICT;

-- === Erasure

-- After how many days which kind of record is erased (server/core/event/retention.py), and what
-- was erased so far. Without a row nothing of a kind is erased. `left_over` could not be erased
-- then.
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

-- === The version of the rules

-- The setting `rules_version` changes with each change of what server/core/venue/rules.py keeps,
-- whoever makes it. It is random because a number that was rolled back would be used again by the
-- next change.
INSERT INTO setting VALUES ('rules_version', hex(randomblob(16)));

CREATE TRIGGER rules_hall_insert AFTER INSERT ON hall BEGIN
    UPDATE setting SET value = hex(randomblob(16)) WHERE key = 'rules_version'; END;
CREATE TRIGGER rules_hall_delete AFTER DELETE ON hall BEGIN
    UPDATE setting SET value = hex(randomblob(16)) WHERE key = 'rules_version'; END;
CREATE TRIGGER rules_hall_update AFTER UPDATE OF code, parent_id, zones, sessions_only,
    anti_passback, exits, leaving, walk_s ON hall BEGIN
    UPDATE setting SET value = hex(randomblob(16)) WHERE key = 'rules_version'; END;
CREATE TRIGGER rules_hall_kept AFTER UPDATE OF accessible_places, accessible_until_min ON hall BEGIN
    UPDATE setting SET value = hex(randomblob(16)) WHERE key = 'rules_version'; END;
CREATE TRIGGER rules_hall_category_insert AFTER INSERT ON hall_category BEGIN
    UPDATE setting SET value = hex(randomblob(16)) WHERE key = 'rules_version'; END;
CREATE TRIGGER rules_hall_category_update AFTER UPDATE ON hall_category BEGIN
    UPDATE setting SET value = hex(randomblob(16)) WHERE key = 'rules_version'; END;
CREATE TRIGGER rules_hall_category_delete AFTER DELETE ON hall_category BEGIN
    UPDATE setting SET value = hex(randomblob(16)) WHERE key = 'rules_version'; END;
CREATE TRIGGER rules_door_insert AFTER INSERT ON door BEGIN
    UPDATE setting SET value = hex(randomblob(16)) WHERE key = 'rules_version'; END;
CREATE TRIGGER rules_door_update AFTER UPDATE OF hall_id ON door BEGIN
    UPDATE setting SET value = hex(randomblob(16)) WHERE key = 'rules_version'; END;
CREATE TRIGGER rules_door_delete AFTER DELETE ON door BEGIN
    UPDATE setting SET value = hex(randomblob(16)) WHERE key = 'rules_version'; END;
CREATE TRIGGER rules_door_from_insert AFTER INSERT ON door_from BEGIN
    UPDATE setting SET value = hex(randomblob(16)) WHERE key = 'rules_version'; END;
CREATE TRIGGER rules_door_from_update AFTER UPDATE ON door_from BEGIN
    UPDATE setting SET value = hex(randomblob(16)) WHERE key = 'rules_version'; END;
CREATE TRIGGER rules_door_from_delete AFTER DELETE ON door_from BEGIN
    UPDATE setting SET value = hex(randomblob(16)) WHERE key = 'rules_version'; END;
CREATE TRIGGER rules_session_insert AFTER INSERT ON session BEGIN
    UPDATE setting SET value = hex(randomblob(16)) WHERE key = 'rules_version'; END;
CREATE TRIGGER rules_session_update AFTER UPDATE ON session BEGIN
    UPDATE setting SET value = hex(randomblob(16)) WHERE key = 'rules_version'; END;
CREATE TRIGGER rules_session_delete AFTER DELETE ON session BEGIN
    UPDATE setting SET value = hex(randomblob(16)) WHERE key = 'rules_version'; END;
CREATE TRIGGER rules_session_category_insert AFTER INSERT ON session_category BEGIN
    UPDATE setting SET value = hex(randomblob(16)) WHERE key = 'rules_version'; END;
CREATE TRIGGER rules_session_category_update AFTER UPDATE ON session_category BEGIN
    UPDATE setting SET value = hex(randomblob(16)) WHERE key = 'rules_version'; END;
CREATE TRIGGER rules_session_category_delete AFTER DELETE ON session_category BEGIN
    UPDATE setting SET value = hex(randomblob(16)) WHERE key = 'rules_version'; END;
CREATE TRIGGER rules_protocol_guest_insert AFTER INSERT ON protocol_guest BEGIN
    UPDATE setting SET value = hex(randomblob(16)) WHERE key = 'rules_version'; END;
CREATE TRIGGER rules_protocol_guest_delete AFTER DELETE ON protocol_guest BEGIN
    UPDATE setting SET value = hex(randomblob(16)) WHERE key = 'rules_version'; END;

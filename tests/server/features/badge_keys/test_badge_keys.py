"""The page *Badge keys* and `hallkeeper keys`: add a key, sign by it, drop the old one."""

import sqlite3

import pytest

from badges.credential.credential import open_credential
from server.core.event.directory import Event
from server.core.people import badge_keys, issuing, wrong_badges
from server.core.second_disk import critical_state, critical_tables, restore_critical
from server.core.staff import users
from server.storage.database import Database
from tests.server.conftest import NOW, serial_of
from tests.server.features.users.test_at_two_servers import both as both
from tests.server.support.console import Console
from tests.server.support.pages import PASSWORD, Pages, Staff, acts, assert_only

PAGE = "/admin/badge-keys"


@pytest.fixture
def issued(pages: Pages) -> Pages:
    pages.issue()
    return pages


@pytest.fixture
def admin(issued: Pages) -> Staff:
    hashed = users.hash_password(PASSWORD)
    issued.database.write(
        lambda db: users.add_user(db, "Second", "supervisor", hashed, by="test", now=NOW)
    )
    admin = issued.known("admin")
    admin.post(f"{PAGE}/add")
    return admin


def shown(admin: Staff, key_id: int, act: str) -> dict[str, object]:
    """What the form of the open page carries."""
    return dict(admin.fields_shown(PAGE, f"{PAGE}/{key_id}/{act}"))


def sent(
    admin: Staff, key_id: int, act: str, fields: dict[str, object] | None = None, **more: object
) -> str:
    """Send the form, of the page as it is now or as it was, and return the page that follows."""
    second = {"confirm": "yes", "name": "Second", "password": PASSWORD}
    carried = shown(admin, key_id, act) if fields is None else fields
    admin.post(f"{PAGE}/{key_id}/{act}", {**carried, **second, **more})
    return admin.get(PAGE).text


def key_of(pages: Pages, number: str) -> int:
    badge = issuing.current_badge(pages.database.reader, serial_of(pages.database, number))
    with pages.database.reading() as db:
        ring = badge_keys.keys_of(db, pages.event).ring
    return open_credential(ring, badge.credential).key_id


def reissue(pages: Pages, number: str) -> None:
    serial = serial_of(pages.database, number)
    pages.database.write(
        lambda db: issuing.reissue(db, pages.event, serial, reason="lost", now=NOW, by="user:1")
    )


def test_a_key_is_added_signs_and_the_old_one_is_dropped(issued: Pages, admin: Staff) -> None:
    assert "Key 2 is added" in admin.get(PAGE).text
    reissue(issued, "A1")
    assert key_of(issued, "A1") == 1
    assert "Key 2 signs new badges from now on" in sent(admin, 2, "issue")
    reissue(issued, "A2")
    assert key_of(issued, "A2") == 2
    text = admin.get(PAGE).text
    assert "3 people would be locked out" in text
    assert "3 badges are void" in sent(admin, 1, "drop")
    assert [act for act in acts(issued) if "badge_key" in act] == [
        "badge_key_added", "badge_key_chosen", "badge_key_dropped"
    ]  # fmt: skip
    wrong = wrong_badges.find_changed(issued.event, issued.database)
    assert len(wrong) == 3, "they are on the list of wrong badges"
    wrong_badges.replace_badges(
        issued.event, issued.database, wrong, by="user:1", clock=lambda: NOW
    )
    assert wrong_badges.find_changed(issued.event, issued.database) == []
    assert key_of(issued, "A1") == 2


def test_who_joined_since_is_not_locked_out_unseen(issued: Pages, admin: Staff) -> None:
    reissue(issued, "A1")
    sent(admin, 2, "issue")
    revoked = serial_of(issued.database, "A2")
    issued.database.write(
        lambda db: issuing.revoke(db, revoked, reason="lost", now=NOW, by="user:1")
    )
    before = shown(admin, 1, "drop")
    issued.database.write(
        lambda db: issuing.reinstate(db, revoked, reason="found", now=NOW, by="user:1")
    )
    text = sent(admin, 1, "drop", before)
    assert "meanwhile this has changed" in text
    assert "key 1 with 4 badges and 0 day credentials" in text
    assert 1 in badge_keys.keys_of(issued.database.reader, issued.event).private


def test_a_page_of_before_another_change_does_nothing(issued: Pages, admin: Staff) -> None:
    before = shown(admin, 2, "issue")
    admin.post(f"{PAGE}/add")
    assert "New: key 3" in sent(admin, 2, "issue", before)
    assert badge_keys.keys_of(issued.database.reader, issued.event).issuing == 1


def test_kiosks_that_lack_the_keys_are_named(pages: Pages) -> None:
    pages.connected_kiosk("west-1", "h1-west")
    admin = pages.known("admin")
    assert "not taken the present keys" not in admin.get(PAGE).text
    admin.post(f"{PAGE}/add")
    assert "1 kiosk has not taken the present keys yet: west-1." in admin.get(PAGE).text
    pages.execute("UPDATE kiosk SET cursor = (SELECT MAX(cursor) FROM change)")
    assert "not taken the present keys" not in admin.get(PAGE).text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"confirm": ""}, "tick the box"),
        ({"password": "wrong"}, "name or password is wrong"),
        ({"name": "nobody"}, "name or password is wrong"),
        ({"shown": "x"}, "meanwhile this has changed"),
        ({"shown": []}, "meanwhile this has changed"),
    ],
)
def test_bad_input_changes_nothing(
    issued: Pages, admin: Staff, fields: dict[str, object], words: str
) -> None:
    before = badge_keys.changes_of(issued.database.reader)
    assert words in sent(admin, 2, "drop", **fields)
    assert badge_keys.changes_of(issued.database.reader) == before


def test_the_key_that_signs_and_unknown_ones_are_not_dropped(issued: Pages, admin: Staff) -> None:
    drop = shown(admin, 2, "drop")
    assert "There is no key 9" in sent(admin, 9, "drop", drop)
    uses = badge_keys.uses(issued.database.reader, issued.event, NOW)
    named = badge_keys.named_to_drop(uses, 1)
    assert "choose another one" in sent(admin, 1, "drop", {"shown": named})


def test_one_person_is_not_two(issued: Pages, admin: Staff) -> None:
    (name,) = issued.database.reader.execute(
        "SELECT name FROM staff_user WHERE name LIKE 'admin-%'"
    ).fetchone()
    own = {"name": name, "password": PASSWORD}
    assert "must be another supervisor or admin" in sent(admin, 2, "drop", **own)


def test_only_admins(issued: Pages) -> None:
    assert_only(issued, PAGE)
    assert_only(issued, f"{PAGE}/add", method="POST")
    assert_only(issued, f"{PAGE}/1/drop", method="POST")


class TestCommand:
    def test_a_key_is_added_signs_and_the_old_one_is_dropped(
        self, console: Console, event: Event, database: Database
    ) -> None:
        assert "Key 1" in console("keys", "list").output
        assert "Key 2 is added" in console("keys", "add").output
        assert "Key 2 signs new badges" in console("keys", "issue", "2", "--yes").output
        assert "0 people need a new badge" in console("keys", "drop", "1", "--yes").output
        assert "Key 1" not in console("keys", "list").output

    @pytest.mark.parametrize(
        ("words", "message", "status"),
        [
            (["issue", "7", "--yes"], "There is no key 7", 1),
            (["issue", "1", "--yes"], "signs new badges already", 1),
            (["drop", "1", "--yes"], "choose another one", 1),
            (["drop", "900"], "900", 2),
            (["drop", "x"], "x", 2),
        ],
    )
    def test_what_can_not_be_leaves_all_as_it_was(
        self, console: Console, words: list[str], message: str, status: int
    ) -> None:
        assert message in console("keys", *words, status=status).output
        assert console.rows("SELECT * FROM setting WHERE key = 'badge_keys'") == []


def test_a_restore_brings_the_changes_back(event: Event, site: Database) -> None:
    def change(db: sqlite3.Connection) -> None:
        badge_keys.add_key(db, event, by="test", now=NOW)
        uses = badge_keys.uses(db, event, NOW)
        listed = [use.as_listed for use in uses]
        badge_keys.issue_by(db, event, 2, listed, by="test", with_=None, now=NOW)
        uses = badge_keys.uses(db, event, NOW)
        named = badge_keys.named_to_drop(uses, 1)
        badge_keys.drop_key(db, event, 1, named, by="test", with_=None, now=NOW)

    kept = next(kept for kept in critical_tables.KEPT if kept.table == "setting")
    rows = {kept.table: [] for kept in critical_tables.KEPT}
    site.write(change)
    changed = badge_keys.keys_of(site.reader, event)
    assert (list(changed.private), changed.issuing) == ([2], 2)
    with site.reading() as db:
        rows["setting"] = critical_state._rows(db, kept)
    assert len(rows["setting"]) == 1

    def forget(db: sqlite3.Connection) -> tuple[dict[str, int], int]:
        db.execute("DELETE FROM setting WHERE key = 'badge_keys'")
        return restore_critical.merge(db, rows)

    assert site.write(forget) == ({"setting": 1}, 0)
    assert badge_keys.keys_of(site.reader, event).private == changed.private


@pytest.mark.sqlite_alone  # the test chooses its engine itself
@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_both_servers_know_at_once_and_neither_acts_on_an_old_page(
    both: tuple[Pages, Pages],
) -> None:
    first, other = both
    first.issue()
    hashed = users.hash_password(PASSWORD)
    first.database.write(
        lambda db: users.add_user(db, "Second", "supervisor", hashed, by="test", now=NOW)
    )
    here, there = first.known("admin"), other.known("admin")
    here.post(f"{PAGE}/add")
    sent(there, 2, "issue")
    assert badge_keys.keys_of(first.database.reader, first.event).issuing == 2
    opened = shown(there, 1, "drop")
    reissue(other, "A1")
    assert "meanwhile this has changed" in sent(here, 1, "drop", opened)
    assert "3 badges are void" in sent(here, 1, "drop")
    for pages in both:
        keys = badge_keys.keys_of(pages.database.reader, pages.event)
        assert (list(keys.private), keys.issuing) == ([2], 2)
        assert "Dropped: 1" in pages.known("admin").get(PAGE).text
    assert "There is no key 1" in sent(there, 1, "drop", opened)

from collections.abc import Callable

import argon2
import pyotp
import pytest

from server.core.staff import second_factors, signing_in, users
from server.core.staff.guesses import Guesses
from server.core.staff.lane import BusyError
from server.core.staff.signing_in import Attempt
from server.core.staff.users import AccountError, SessionEndedError, SignInError, Stored, User
from server.storage.connection import Connection
from server.storage.database import Database
from tests.server.conftest import HOUR, MINUTE, NOW
from tests.server.support import signing
from tests.server.support.stores import everything

PASSWORD = "correct horse battery"


def add(database: Database, name: str = "Alice", role: str = "badge_desk") -> User:
    password_hash = users.hash_password(PASSWORD)
    return database.write(
        lambda db: users.add_user(db, name, role, password_hash, by="user:1", now=NOW)
    )


def sign_in(database: Database, name: str = "Alice", password: str = PASSWORD) -> str:
    return signing.sign_in(database, name, password, now=NOW)[1]


def stored(database: Database, column: str) -> list:
    query = f"SELECT {column} FROM staff_user WHERE name = 'Alice'"
    return [row[0] for row in database.reader.execute(query)]


def test_it_works(database: Database) -> None:
    alice = add(database)
    user, token = signing.sign_in(database, " alice ", PASSWORD, now=NOW)
    assert user == alice
    assert users.session_user(database, token, now=NOW + MINUTE) == alice
    database.write(lambda db: users.sign_out(db, token))
    with pytest.raises(SessionEndedError):
        users.session_user(database, token, now=NOW + MINUTE)


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("Alice", "wrong horse battery"),
        ("Alice", ""),
        ("Bob", PASSWORD),
        ("", ""),
        ("Alice' --", "x"),
    ],
)
def test_who_may_not(database: Database, name: str, password: str) -> None:
    add(database)
    with pytest.raises(SignInError) as caught:
        sign_in(database, name, password)
    assert str(caught.value) == ""  # never which of the two was wrong
    assert database.reader.execute("SELECT COUNT(*) FROM web_session").fetchone()[0] == 0


def change_password(db: Connection, alice: User, other: str) -> None:
    users.set_password(db, alice.user_id, other, by="user:1", now=NOW)


def add_factor(db: Connection, alice: User, other: str) -> None:
    secret = pyotp.random_base32()
    key = second_factors.sealing_key(b"secret")
    code = pyotp.TOTP(secret).at(NOW // 1000)
    second_factors.add_totp(db, key, alice, secret, code, now=NOW)


def disable(db: Connection, alice: User, other: str) -> None:
    users.disable_user(db, alice.user_id, by="user:1", now=NOW)


@pytest.mark.parametrize("change", [change_password, add_factor, disable])
def test_no_session_is_opened_for_an_account_that_changed_during_the_check(
    database: Database, monkeypatch: pytest.MonkeyPatch, change: Callable[..., None]
) -> None:
    alice, other = add(database), users.hash_password("another horse battery")
    fits = users.fits

    def slowly(account: Stored | None, password: str) -> bool:
        database.write(lambda db: change(db, alice, other))
        return fits(account, password)

    monkeypatch.setattr(users, "fits", slowly)
    attempt = Attempt("Alice", PASSWORD, "10.0.0.1")
    with pytest.raises(BusyError):
        signing_in.sign_in(database, Guesses(database, b""), attempt, now=NOW)
    assert database.reader.execute("SELECT COUNT(*) FROM web_session").fetchone()[0] == 0


def test_an_unknown_name_costs_as_much_as_a_wrong_password(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    monkeypatch.setattr(users.HASHER.__class__, "hash", lambda self, text: hashed.append(text))
    with pytest.raises(SignInError):
        sign_in(database, "Nobody", "some password")
    assert hashed == ["some password"]


def test_neither_passwords_nor_tokens_are_stored(database: Database) -> None:
    add(database)
    token = sign_in(database)
    assert len(bytes.fromhex(token)) == 32
    dump = everything(database)
    assert "Alice" in dump
    assert PASSWORD not in dump
    assert token not in dump
    assert stored(database, "password_hash")[0].startswith("$argon2id$")


def test_real_parameters_are_argon2s_own() -> None:
    first = argon2.PasswordHasher()
    assert (first.memory_cost, first.time_cost, first.parallelism) == (65536, 3, 4)


def test_stronger_parameters_are_taken_up_at_sign_in(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(database)
    before = stored(database, "password_hash")
    stronger = argon2.PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
    monkeypatch.setattr(users, "HASHER", stronger)
    sign_in(database)
    after = stored(database, "password_hash")
    assert after != before
    sign_in(database)
    assert stored(database, "password_hash") == after


class TestSessions:
    def test_end_when_idle(self, database: Database) -> None:
        add(database)
        token = sign_in(database)
        users.session_user(database, token, now=NOW + 12 * HOUR)
        users.session_user(database, token, now=NOW + 23 * HOUR)  # kept alive by the last
        other = sign_in(database)
        with pytest.raises(SessionEndedError):
            users.session_user(database, other, now=NOW + 12 * HOUR + 1)

    def test_end_after_a_day_however_busy(self, database: Database) -> None:
        add(database)
        token = sign_in(database)
        for hour in range(0, 25, 6):
            users.session_user(database, token, now=NOW + hour * HOUR)
        with pytest.raises(SessionEndedError):
            users.session_user(database, token, now=NOW + 24 * HOUR + 1)

    def test_are_touched_once_a_minute_at_most(self, database: Database) -> None:
        add(database)
        token = sign_in(database)
        commits: list[int] = []
        database.on_commit(lambda _: commits.append(1))
        for second in range(0, 121, 10):
            users.session_user(database, token, now=NOW + second * 1000)
        assert len(commits) == 1

    def test_old_ones_are_swept_at_the_next_sign_in(self, database: Database) -> None:
        add(database)
        sign_in(database)
        signing.sign_in(database, "Alice", PASSWORD, now=NOW + 30 * HOUR)
        assert database.reader.execute("SELECT COUNT(*) FROM web_session").fetchone()[0] == 1

    def test_end_with_a_new_password(self, database: Database) -> None:
        alice = add(database)
        token = sign_in(database)
        fresh = users.hash_password("another long one")
        database.write(
            lambda db: users.set_password(db, alice.user_id, fresh, by="user:1", now=NOW)
        )
        with pytest.raises(SessionEndedError):
            users.session_user(database, token, now=NOW)
        with pytest.raises(SignInError):
            sign_in(database)
        sign_in(database, password="another long one")

    def test_end_when_the_user_is_disabled(self, database: Database) -> None:
        alice = add(database)
        token = sign_in(database)
        database.write(lambda db: users.disable_user(db, alice.user_id, by="user:1", now=NOW))
        with pytest.raises(SessionEndedError):
            users.session_user(database, token, now=NOW)
        with pytest.raises(SignInError):
            sign_in(database)
        database.write(lambda db: users.enable_user(db, alice.user_id, by="user:1", now=NOW))
        sign_in(database)

    def test_have_the_role_of_now(self, database: Database) -> None:
        alice = add(database)
        token = sign_in(database)
        database.write(
            lambda db: users.set_role(db, alice.user_id, "steward", by="user:1", now=NOW)
        )
        assert users.session_user(database, token, now=NOW).role == "steward"

    @pytest.mark.parametrize("token", ["", "00" * 32, "é", "x" * 100_000])
    def test_that_never_were(self, database: Database, token: str) -> None:
        with pytest.raises(SessionEndedError):
            users.session_user(database, token, now=NOW)


class TestUsers:
    @pytest.mark.parametrize(
        ("name", "role", "problem"),
        [
            ("", "steward", "1 to 60 printable characters"),
            ("x" * 61, "steward", "1 to 60 printable characters"),
            ("a\nb", "steward", "1 to 60 printable characters"),
            ("ADMIN", "steward", "already a user called ADMIN"),
            ("Bob", "boss", "no role 'boss'; the roles are steward, supervisor"),
        ],
    )
    def test_that_can_not_be(self, database: Database, name: str, role: str, problem: str) -> None:
        with pytest.raises(AccountError, match=problem):
            add(database, name, role)
        assert [user.name for user in users.users(database.reader)] == ["admin"]

    @pytest.mark.parametrize("password", ["", "1234567", "x" * 201])
    def test_passwords_have_a_length(self, password: str) -> None:
        with pytest.raises(AccountError, match="8 to 200 characters"):
            users.hash_password(password)

    def test_made_passwords_are_long_and_plain(self) -> None:
        passwords = {users.make_password() for _ in range(50)}
        assert len(passwords) == 50
        assert all(
            len(password) == 19 and not set(password) & set("ilou") for password in passwords
        )

    def test_the_last_admin_stays(self, database: Database) -> None:
        (admin,) = users.users(database.reader)
        for change in (
            lambda db: users.disable_user(db, admin.user_id, by="user:1", now=NOW),
            lambda db: users.set_role(db, admin.user_id, "steward", by="user:1", now=NOW),
        ):
            with pytest.raises(AccountError, match="This is the last admin"):
                database.write(change)
        add(database, "Bob", "admin")
        database.write(lambda db: users.disable_user(db, admin.user_id, by="user:1", now=NOW))
        assert users.user(database.reader, admin.user_id).disabled

    def test_nobody(self, database: Database) -> None:
        with pytest.raises(AccountError, match="no such user"):
            users.user(database.reader, 99)

    def test_the_log_has_numbers_not_names(self, database: Database) -> None:
        add(database)
        sign_in(database)
        bodies = b"".join(row[0] for row in database.reader.execute("SELECT body FROM leaf"))
        assert b'"act":"user_added"' in bodies
        assert b"Alice" not in bodies

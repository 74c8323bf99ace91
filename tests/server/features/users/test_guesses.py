"""Guesses at passwords: from one place, from many, all at once; and the people shut out."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import argon2
import pytest

from server.core.staff import signing_in, users
from server.core.staff.guesses import WaitError
from server.core.staff.lane import WAITING_MAX, BusyError
from server.web.callers import caller
from server.web.services import services_of
from tests.server.support.pages import Pages, Staff

HOME = "10.0.0.1"


def guess(someone: Staff, password: str, address: str = HOME, name: str = "admin") -> int:
    fields = {"name": name, "password": password}
    answer = someone.post("/admin/sign-in", fields, environ_overrides={"REMOTE_ADDR": address})
    return answer.status_code


def guess_without_a_page(pages: Pages, address: str, name: str = "admin") -> bool:
    """Do the page's work for a wrong password. Return whether it was checked.

    Rendering for hundreds of strangers would take most of the time.
    """
    return guess_from(pages, caller_at(pages, address), name)


def caller_at(pages: Pages, address: str) -> str:
    with pages.app.test_request_context(environ_overrides={"REMOTE_ADDR": address}):
        return caller()


def guess_from(pages: Pages, address: str, name: str = "admin") -> bool:
    attempt = signing_in.Attempt(name, "a-wrong-password", address)
    guesses = services_of(pages.app).guesses
    try:
        signing_in.sign_in(pages.database, guesses, attempt, now=pages.now)
    except WaitError:
        return False
    except users.SignInError:
        return True
    pytest.fail("it was right")


def crowd(pages: Pages) -> None:
    """Strangers guess fifty times at the admin's password, each from a separate address.

    Thirty are counted. All later ones are refused alike.
    """
    for number in range(5):
        address = caller_at(pages, f"10.1.{number}.1")
        for _ in range(10):
            guess_from(pages, address)


class Counting:
    """A slow argon2 that counts its calls and its most concurrent calls."""

    def __init__(self, hasher: argon2.PasswordHasher) -> None:
        self.hasher, self.asked, self.now, self.most = hasher, 0, 0, 0
        self.lock = threading.Lock()

    def __getattr__(self, name: str):
        return getattr(self.hasher, name)

    def verify(self, stored: str, password: str) -> bool:
        with self.lock:
            self.asked += 1
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            time.sleep(0.02)
            return self.hasher.verify(stored, password)
        finally:
            with self.lock:
                self.now -= 1


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Counting:
    hasher = Counting(users.HASHER)
    monkeypatch.setattr(users, "HASHER", hasher)
    return hasher


def test_forty_simultaneous_guesses_are_counted_first(pages: Pages, counting: Counting) -> None:
    crew = [pages.stranger() for _ in range(40)]
    for someone in crew:
        someone.form_token()
    with ThreadPoolExecutor(40) as pool:
        statuses = list(pool.map(lambda stranger: guess(stranger, "a-wrong-password"), crew))
    assert counting.asked <= 10
    assert counting.most == 1, "one at a time for each address"
    assert set(statuses) <= {401, 429, 503}
    assert statuses.count(401) == counting.asked


def test_simultaneous_guesses_of_many_addresses_hash_once(pages: Pages, counting: Counting) -> None:
    crew = [pages.stranger() for _ in range(24)]
    for someone in crew:
        someone.form_token()
    with ThreadPoolExecutor(24) as pool:
        list(pool.map(lambda n: guess(crew[n], "wrong password", f"10.2.0.{n}"), range(24)))
    assert counting.most == 1


def test_five_addresses_with_made_up_names_keep_nobody_else_waiting(
    pages: Pages, admin_password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They have guessed before, and fill the lane. A newcomer gets the next turn."""
    others = [caller_at(pages, f"10.4.0.{number}") for number in range(5)]
    for address in others:
        guess_from(pages, address, name="made up")
    held, go_on = threading.Event(), threading.Event()
    lane = services_of(pages.app).guesses.strangers
    fits = users.fits

    def slow(stored: users.Stored | None, password: str) -> bool:
        held.set()
        assert go_on.wait(240)
        return fits(stored, password)

    monkeypatch.setattr(users, "fits", slow)
    busy: list[str] = []

    def guess_and_note(address: str, name: str) -> None:
        try:
            guess_from(pages, address, name)
        except BusyError:
            busy.append(name)

    owner = pages.stranger()
    owner.form_token()
    with ThreadPoolExecutor(21) as pool:
        first = pool.submit(guess_and_note, others[0], "first")
        assert held.wait(240)
        crowd = [pool.submit(guess_and_note, address, f"{number}")
                 for number in range(4) for address in others]  # fmt: skip
        while len(lane._waiting) + len(busy) < len(crowd):
            time.sleep(0.001)
        assert len(lane._waiting) == WAITING_MAX - 1, "it is full"
        asked = pool.submit(guess, owner, admin_password, HOME)
        while len(busy) < len(crowd) - WAITING_MAX + 2 and not asked.done():
            time.sleep(0.001)
        go_on.set()
        assert asked.result(240) == 303
        for future in (first, *crowd):
            future.result(240)


def test_guesses_count_alike_with_a_page_and_without(pages: Pages) -> None:
    someone = pages.stranger()
    for _ in range(5):
        assert guess_without_a_page(pages, "10.1.1.1")
        assert guess(someone, "a-wrong-password", "10.1.1.1") == 401
    assert not guess_without_a_page(pages, "10.1.1.1")
    assert guess(someone, "a-wrong-password", "10.1.1.1") == 429
    for number in range(10):  # at the account, 10 by those above
        assert guess_without_a_page(pages, f"10.1.2.{number}")
        assert guess(someone, "a-wrong-password", f"10.1.3.{number}") == 401
    assert not guess_without_a_page(pages, "10.1.2.99")
    assert guess(someone, "a-wrong-password", "10.1.3.99") == 429


def test_strangers_do_not_lock_out_a_known_address(pages: Pages, admin_password: str) -> None:
    assert guess(pages.stranger(), admin_password, HOME) == 303
    crowd(pages)
    assert guess(pages.stranger(), admin_password, HOME) == 303


def test_strangers_do_not_lock_out_a_known_browser(pages: Pages, admin_password: str) -> None:
    laptop = pages.stranger()
    assert guess(laptop, admin_password, HOME) == 303
    laptop.post("/admin/sign-out")
    crowd(pages)
    assert guess(laptop, admin_password, "10.9.9.9") == 303, "from wherever it is carried"


def test_a_network_does_not_lock_out_its_known_browser(pages: Pages, admin_password: str) -> None:
    laptop = pages.stranger()
    guess(laptop, admin_password, HOME)
    laptop.post("/admin/sign-out")
    for _ in range(30):
        guess_without_a_page(pages, HOME)
    assert guess(pages.stranger(), admin_password, HOME) == 429
    assert guess(laptop, admin_password, HOME) == 303


def test_an_address_known_to_others_is_a_stranger_here(pages: Pages, admin_password: str) -> None:
    pages.database.write(
        lambda db: users.add_user(
            db, "Lin", "steward", users.hash_password(admin_password), by="test", now=pages.now
        )
    )
    assert guess(pages.stranger(), admin_password, HOME, name="Lin") == 303
    crowd(pages)
    assert guess(pages.stranger(), admin_password, HOME) == 429


class TestKnown:
    """An account's known browsers and addresses expire, and their number is limited."""

    def test_ends_after_thirty_days(self, pages: Pages, admin_password: str) -> None:
        laptop = pages.stranger()
        guess(laptop, admin_password, HOME)
        pages.now += 30 * 24 * 60 * 60_000
        crowd(pages)
        assert guess(laptop, admin_password, HOME) == 429

    def test_is_kept_up_by_signing_in(self, pages: Pages, admin_password: str) -> None:
        laptop = pages.stranger()
        for _ in range(3):
            guess(laptop, admin_password, HOME)
            pages.now += 20 * 24 * 60 * 60_000
        crowd(pages)
        assert guess(laptop, admin_password, "10.9.9.9") == 303

    def test_the_newest_twenty_are(self, pages: Pages, admin_password: str) -> None:
        for number in range(15):  # a browser and an address each
            pages.now += 1
            assert guess(pages.stranger(), admin_password, f"10.6.0.{number}") == 303
        crowd(pages)
        assert guess(pages.stranger(), admin_password, "10.6.0.14") == 303
        assert guess(pages.stranger(), admin_password, "10.6.0.0") == 429

    def test_ends_with_a_password_set_by_an_admin(self, pages: Pages, admin_password: str) -> None:
        laptop = pages.stranger()
        guess(laptop, admin_password, HOME)
        hashed = users.hash_password(admin_password)
        pages.database.write(lambda db: users.set_password(db, 1, hashed, by="test", now=pages.now))
        pages.now += 15 * 60_000
        crowd(pages)
        assert guess(laptop, admin_password, HOME) == 429

    def test_a_made_up_token_is_none(self, pages: Pages) -> None:
        crowd(pages)
        someone = pages.stranger()
        for token in ("", "00" * 16, "é", "x" * 3000):
            someone.client.set_cookie("__Host-hallkeeper-device", token, domain="localhost")
            assert guess(someone, "a-wrong-password", "10.9.9.9") == 429


def test_waiting_grows_and_ends(pages: Pages, admin_password: str) -> None:
    someone = pages.stranger()
    waits = []
    for _ in range(18):
        fields = {"name": "admin", "password": "a-wrong-password"}
        while (answer := someone.post("/admin/sign-in", fields)).status_code == 429:
            waits.append(int(answer.headers["Retry-After"]))
            pages.now += waits[-1] * 1000
    assert waits == [30, 60, 120, 240, 480, 900, 900, 900]
    assert someone.post("/admin/sign-in", fields).status_code == 429
    pages.now += 15 * 60_000
    assert guess(someone, admin_password) == 303
    assert guess(someone, "a-wrong-password") == 401, "and begins anew"


def test_a_clock_set_back_prolongs_no_wait(pages: Pages, admin_password: str) -> None:
    someone = pages.stranger()
    for _ in range(10):
        guess(someone, "a-wrong-password")
    pages.now -= 24 * 60 * 60_000
    assert guess(someone, admin_password) == 429
    pages.now += 15 * 60_000
    assert guess(someone, admin_password) == 303


def test_names_are_guessed_at_from_one_address_only_so_often(pages: Pages) -> None:
    here, someone = caller_at(pages, HOME), pages.stranger()
    assert all(guess_from(pages, here, name=f"user{n}") for n in range(55))
    statuses = [guess(someone, "a-wrong-password", name=f"user{n}") for n in range(55, 65)]
    assert statuses == [401] * 5 + [429] * 5


def test_unknown_names_wait_like_known_ones(pages: Pages) -> None:
    familiar, unknown = pages.stranger(), pages.stranger()
    for n in range(12):
        status = guess(familiar, "a-wrong-password", "10.3.0.1")
        assert status == guess(unknown, "a-wrong-password", "10.3.0.2", name="nobody"), n


def test_an_address_of_ipv6_is_its_network(pages: Pages) -> None:
    someone = pages.stranger()
    statuses = [guess(someone, "a-wrong-password", f"2001:db8::{n:x}") for n in range(1, 13)]
    assert statuses == [401] * 10 + [429] * 2
    assert guess(someone, "a-wrong-password", "2001:db8:0:1::1") == 401


def test_an_address_of_ipv4_is_one_however_it_is_told(pages: Pages) -> None:
    someone = pages.stranger()
    statuses = [guess(someone, "a-wrong-password", f"::ffff:10.0.0.{n}") for n in range(1, 13)]
    assert statuses == [401] * 12, "each its own"
    for _ in range(9):
        guess(someone, "a-wrong-password", "10.0.0.1")
    assert guess(someone, "a-wrong-password", "::ffff:10.0.0.1") == 429


class TestUnlock:
    def test_on_the_page_of_another_admin(self, pages: Pages, admin_password: str) -> None:
        other = pages.staff("admin")
        crowd(pages)
        assert guess(pages.stranger(), admin_password, "10.9.9.9") == 429
        assert "Guessed at: new browsers wait until" in other.get("/admin/users/").text
        page = other.post("/admin/users/1/unlock", follow_redirects=True).text
        assert "may sign in from anywhere" in page
        assert "Guessed at" not in page
        assert guess(pages.stranger(), admin_password, "10.9.9.9") == 303

    def test_while_they_go_on_guessing(self, pages: Pages, admin_password: str) -> None:
        crowd(pages)
        pages.database.write(lambda db: users.unlock(db, 1, by="test", now=pages.now))
        pages.now += 1000
        crowd(pages)
        assert guess(pages.stranger(), admin_password, "10.9.9.9") == 303

    def test_ends(self, pages: Pages, admin_password: str) -> None:
        pages.database.write(lambda db: users.unlock(db, 1, by="test", now=pages.now))
        pages.now += 15 * 60_000
        crowd(pages)
        assert guess(pages.stranger(), admin_password, "10.9.9.9") == 429

    def test_guesses_at_an_unlocked_account_are_counted(self, pages: Pages) -> None:
        pages.database.write(lambda db: users.unlock(db, 1, by="test", now=pages.now))
        pages.now += 1000
        someone = pages.stranger()
        statuses = [guess(someone, "a-wrong-password", "10.9.9.9") for _ in range(12)]
        assert statuses == [401] * 10 + [429] * 2


class TestLog:
    def test_refusals_and_waits_are_in_the_entry_log(self, pages: Pages, admin_password) -> None:
        someone = pages.stranger()
        for _ in range(12):
            guess(someone, "a-wrong-password")
        refusals = noted(pages)
        assert [act["act"] for act in refusals] == ["sign_in_refused", "sign_in_slowed"]
        assert [act["by"] for act in refusals] == ["nobody", "nobody"]
        assert [act["subject"]["user"] for act in refusals] == [1, 1]
        assert refusals[1]["subject"]["tries"] == 10

    def test_neither_address_nor_what_was_typed_is(self, pages: Pages) -> None:
        guess(pages.stranger(), "a-wrong-password", "192.0.2.77", name="Typed Instead")
        text = "".join(
            bytes(row[0]).decode() for row in pages.database.reader.execute("SELECT body FROM leaf")
        )
        assert "192.0.2.77" not in text
        assert "Typed" not in text
        assert "a-wrong" not in text
        (act,) = noted(pages)
        assert act["subject"]["user"] is None
        assert len(act["subject"]["caller"]) == 8

    def test_a_flood_does_not_fill_it(self, pages: Pages) -> None:
        for number in range(260):
            assert guess_from(pages, f"{number:064x}", name=f"u{number}")
        assert len(noted(pages)) == 200
        pages.now += 60 * 60_000
        guess(pages.stranger(), "wrong", "10.5.0.1", name="last")
        assert noted(pages)[-1]["subject"]["unlisted"] == 60

    def test_a_success_after_refusals_says_so(self, pages: Pages, admin_password: str) -> None:
        someone = pages.stranger()
        for password in ("a-wrong-password", "a-wrong-password", admin_password):
            guess(someone, password)
        (signed_in,) = [act for act in noted(pages) if act["act"] == "signed_in"]
        assert signed_in["subject"]["refused_before"] == 2


def noted(pages: Pages) -> list[dict]:
    import json

    rows = pages.database.reader.execute("SELECT body FROM leaf WHERE kind = 'act' ORDER BY number")
    acts = [json.loads(row[0]) for row in rows]
    return [act for act in acts if act["act"].startswith("sign")]

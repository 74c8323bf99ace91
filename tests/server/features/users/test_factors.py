"""The second factor: asked for, set up, removed, required; recovery codes; acts that ask again."""

import re
from collections.abc import Iterator
from dataclasses import replace

import pyotp
import pytest

from server.core.event.directory import Event
from server.core.event.settings import EventError
from server.core.staff import second_factors, users
from server.storage.database import Database
from tests.server.conftest import MINUTE
from tests.server.support.pages import PASSWORD, Pages, Staff, acts

FACTORS = "/admin/account/factors"
SHORT = "x9$kf-2Lq8"


@pytest.fixture
def strict(event: Event, site: Database) -> Iterator[Pages]:
    """An event whose admins need a second factor."""
    settings = replace(event.settings, second_factor_roles=["admin"])
    with Pages(replace(event, settings=settings), site) as opened:
        yield opened


def name_of(pages: Pages) -> str:
    query = "SELECT name FROM staff_user ORDER BY user_id DESC LIMIT 1"
    return str(pages.value(query))


def code(pages: Pages, secret: str, steps: int = 0) -> str:
    return pyotp.TOTP(secret).at(pages.now // 1000 + 30 * steps)


def set_up(pages: Pages, someone: Staff) -> tuple[str, list[str]]:
    """Set up an authenticator app; return its secret and the recovery codes."""
    match = re.search(r'type this secret.*?<span class="code">(\w+)<', someone.get(FACTORS).text)
    assert match
    answer = someone.post(f"{FACTORS}/app", {"code": code(pages, match[1])})
    assert answer.status_code == 200, answer.text
    return match[1], re.findall(r'<li class="code">([^<]+)</li>', answer.text)


def enter(pages: Pages, name: str, password: str = PASSWORD) -> Staff:
    someone = pages.stranger()
    answer = someone.post("/admin/sign-in?next=/admin/acts", {"name": name, "password": password})
    assert answer.location == "/admin/acts"
    return someone


def with_app(pages: Pages, role: str = "admin") -> tuple[str, str, list[str]]:
    someone = pages.staff(role)
    name = name_of(pages)
    return name, *set_up(pages, someone)


def test_the_password_alone_opens_nothing(pages: Pages) -> None:
    name, secret, _ = with_app(pages)
    someone = enter(pages, name)
    for target in ("/admin/", "/admin/users/", "/admin/live", FACTORS, "/admin/account/"):
        answer = someone.get(target)
        assert answer.location.startswith("/admin/second-factor?next=/admin/"), target
    assert someone.post("/admin/users/add", {"name": "X", "role": "admin"}).status_code == 303
    assert "X" not in {user.name for user in users.users(pages.database.reader)}
    assert 'href="/admin/users/"' not in someone.get("/admin/second-factor").text
    pages.now += MINUTE
    target = someone.get("/admin/acts").location
    answer = someone.post(target, {"code": code(pages, secret)})
    assert answer.location == "/admin/acts"
    assert someone.get("/admin/acts").status_code == 200
    assert acts(pages)[-2:] == ["password_taken", "signed_in"]


def test_the_session_gets_another_token_with_the_factor(pages: Pages) -> None:
    name, secret, _ = with_app(pages)
    someone, pages.now = enter(pages, name), pages.now + MINUTE
    before = str(someone.client.get_cookie("__Host-hallkeeper"))
    someone.post("/admin/second-factor", {"code": code(pages, secret)})
    assert str(someone.client.get_cookie("__Host-hallkeeper")) != before


def test_a_code_counts_once(pages: Pages) -> None:
    name, secret, _ = with_app(pages)
    pages.now += MINUTE
    shown = code(pages, secret)
    assert enter(pages, name).post("/admin/second-factor", {"code": shown}).status_code == 303
    assert enter(pages, name).post("/admin/second-factor", {"code": shown}).status_code == 401
    assert acts(pages)[-1] == "factor_refused"


@pytest.mark.parametrize(("steps", "status"), [(-2, 401), (-1, 303), (0, 303), (1, 303), (2, 401)])
def test_a_phones_clock_may_be_half_a_minute_off(pages: Pages, steps: int, status: int) -> None:
    name, secret, _ = with_app(pages)
    pages.now += 10 * MINUTE
    answer = enter(pages, name).post("/admin/second-factor", {"code": code(pages, secret, steps)})
    assert answer.status_code == status


@pytest.mark.parametrize("wrong", ["", "000000", "12345", "abc", "９９９９９９", "0" * 60])
def test_a_wrong_code_opens_nothing(pages: Pages, wrong: str) -> None:
    name, _, _ = with_app(pages)
    someone = enter(pages, name)
    assert someone.post("/admin/second-factor", {"code": wrong}).status_code == 401
    assert someone.get("/admin/acts").status_code == 303


def test_guesses_at_codes_wait(pages: Pages) -> None:
    name, secret, _ = with_app(pages)
    someone = enter(pages, name)
    for _ in range(10):
        assert someone.post("/admin/second-factor", {"code": "000000"}).status_code == 401
    pages.now += 1000
    assert someone.post("/admin/second-factor", {"code": "000000"}).status_code == 429
    pages.now += MINUTE
    assert someone.post("/admin/second-factor", {"code": code(pages, secret)}).status_code == 303


class TestWhoKnowsThePassword:
    """A stranger with the password guesses codes while the owner works."""

    def at(self, address: str) -> dict[str, dict[str, str]]:
        return {"environ_overrides": {"REMOTE_ADDR": address}}

    def enter_at(self, pages: Pages, name: str, address: str) -> Staff:
        someone = pages.stranger()
        fields = {"name": name, "password": PASSWORD}
        someone.post("/admin/sign-in", fields, **self.at(address))
        return someone

    def guess(self, someone: Staff, address: str, code: str = "000000") -> int:
        fields = {"code": code}
        return someone.post("/admin/second-factor", fields, **self.at(address)).status_code

    def strangers_guess(self, pages: Pages, name: str) -> None:
        """Until they must wait, from addresses that have not guessed too often themselves."""
        for number in range(7):
            stranger = self.enter_at(pages, name, f"10.7.0.{number}")
            statuses = [self.guess(stranger, f"10.7.0.{number}") for _ in range(5)]
        assert statuses == [429] * 5

    @pytest.mark.parametrize("moved", [False, True], ids=["new browser", "another address"])
    def test_lets_the_owner_in_at_known_places(self, pages: Pages, moved: bool) -> None:
        name, secret, _ = with_app(pages)
        owner = self.enter_at(pages, name, "10.0.0.1")
        pages.now += MINUTE
        assert self.guess(owner, "10.0.0.1", code(pages, secret)) == 303
        owner.post("/admin/sign-out")
        self.strangers_guess(pages, name)
        place = "10.9.9.9" if moved else "10.0.0.1"
        if moved:
            fields = {"name": name, "password": PASSWORD}
            owner.post("/admin/sign-in", fields, **self.at(place))
        else:
            owner = self.enter_at(pages, name, place)
        assert self.guess(owner, place, code(pages, secret, 1)) == 303

    def test_a_right_password_makes_no_place_known(self, pages: Pages) -> None:
        name, _, _ = with_app(pages)
        self.strangers_guess(pages, name)
        stranger = self.enter_at(pages, name, "10.7.0.1")
        assert self.guess(stranger, "10.7.0.1") == 429, "where the password was right before"
        assert "hallkeeper-device" not in str(stranger.client._cookies)

    def test_what_signed_in_before_there_was_a_factor_is_known_no_more(self, pages: Pages) -> None:
        owner = pages.staff("admin")
        name = name_of(pages)
        stranger = self.enter_at(pages, name, "10.7.0.1")
        stranger.post("/admin/sign-out")
        set_up(pages, owner)
        stranger.post("/admin/sign-in", {"name": name, "password": PASSWORD})
        self.strangers_guess(pages, name)
        assert self.guess(stranger, "10.7.0.1") == 429

    def test_a_recovery_code_opens_at_a_new_place_meanwhile(self, pages: Pages) -> None:
        name, secret, codes = with_app(pages)
        owner = self.enter_at(pages, name, "10.9.9.9")
        self.strangers_guess(pages, name)
        assert self.guess(owner, "10.9.9.9", code(pages, secret)) == 429
        assert self.guess(owner, "10.9.9.9", codes[0]) == 303

    def test_an_unlocked_account_still_bounds_their_guesses(self, pages: Pages) -> None:
        name, secret, _ = with_app(pages)
        user_id = users.users(pages.database.reader)[-1].user_id
        self.strangers_guess(pages, name)
        page = pages.known("admin").get("/admin/users/").text
        assert "Guessed at: new browsers wait until" in page
        pages.database.write(lambda db: users.unlock(db, user_id, by="test", now=pages.now))
        owner = self.enter_at(pages, name, "10.9.9.9")
        pages.now += 1000
        assert self.guess(owner, "10.9.9.9", code(pages, secret, 1)) == 303
        looked_at = 0
        for number in range(200):
            stranger = self.enter_at(pages, name, f"10.8.0.{number}")
            looked_at += self.guess(stranger, f"10.8.0.{number}") == 401
        assert looked_at == 30


def test_a_session_that_waits_ends_soon(pages: Pages) -> None:
    name, _secret, _ = with_app(pages)
    someone = enter(pages, name)
    pages.now += 11 * MINUTE
    answer = someone.get("/admin/second-factor")
    assert answer.location.startswith("/admin/sign-in")


def test_a_recovery_code_works_once_in_any_spelling(pages: Pages) -> None:
    name, _, codes = with_app(pages)
    assert len(set(codes)) == 10
    typed = codes[3].upper().replace("-", " ")
    assert enter(pages, name).post("/admin/second-factor", {"code": typed}).status_code == 303
    assert enter(pages, name).post("/admin/second-factor", {"code": typed}).status_code == 401
    assert enter(pages, name).post("/admin/second-factor", {"code": codes[4]}).status_code == 303


def test_secrets_are_not_in_the_database(pages: Pages) -> None:
    _, secret, codes = with_app(pages)
    text = str(
        [
            tuple(row)
            for table in ("staff_user", "recovery_code", "leaf")
            for row in pages.database.reader.execute(f"SELECT * FROM {table}")
        ]
    )
    assert secret not in text
    assert codes[0] not in text
    assert codes[0].replace("-", "") not in text


def test_setting_up_ends_other_sessions_and_needs_a_right_code(pages: Pages) -> None:
    someone = pages.staff("steward")
    other = enter_elsewhere(pages, name_of(pages))
    someone.get(FACTORS)
    assert someone.post(f"{FACTORS}/app", {"code": "000000"}).status_code == 400
    assert other.get("/admin/account/").status_code == 200
    set_up(pages, someone)
    assert other.get("/admin/account/").status_code == 303
    assert someone.get("/admin/account/").status_code == 200


def enter_elsewhere(pages: Pages, name: str) -> Staff:
    someone = pages.stranger()
    someone.post("/admin/sign-in", {"name": name, "password": PASSWORD})
    return someone


def test_removing_leaves_the_password_alone(pages: Pages) -> None:
    someone = pages.staff("admin")
    name = name_of(pages)
    set_up(pages, someone)
    assert someone.post(f"{FACTORS}/app/remove").status_code == 303
    assert enter(pages, name).get("/admin/acts").status_code == 200
    user_id = next(user.user_id for user in users.users(pages.database.reader) if user.name == name)
    assert second_factors.factors(pages.database.reader, user_id).recovery_codes == 0


def test_a_role_that_needs_it_does_nothing_before(strict: Pages) -> None:
    admin = strict.staff("admin")
    for target in ("/admin/", "/admin/users/", "/admin/people/", "/admin/live"):
        assert admin.get(target).location == FACTORS, target
    assert "Your role needs a second factor" in admin.get(FACTORS).text
    set_up(strict, admin)
    assert admin.get("/admin/users/").status_code == 200
    answer = admin.post(f"{FACTORS}/app/remove")
    assert answer.status_code == 400
    assert "Set up another one first" in answer.text
    assert strict.staff("steward").get("/admin/").status_code == 200


def test_a_shorter_password_is_enough_beside_a_factor_alone(strict: Pages) -> None:
    admin, steward = strict.staff("admin"), strict.staff("steward")
    fields = {"present": PASSWORD, "chosen": SHORT, "again": SHORT}
    assert admin.post("/admin/account/password", fields).status_code == 303
    answer = steward.post("/admin/account/password", fields)
    assert answer.status_code == 400
    assert "15 to 200 characters" in answer.text


def test_whose_password_is_too_short_by_now_chooses_another(pages: Pages) -> None:
    hashed = users.hash_password(SHORT)
    pages.database.write(
        lambda db: users.add_user(db, "Old", "steward", hashed, by="test", now=pages.now)
    )
    someone = pages.stranger()
    someone.post("/admin/sign-in", {"name": "Old", "password": SHORT})
    assert someone.get("/admin/").location == "/admin/account/"
    assert "This password is temporary or too short" in someone.get("/admin/account/").text


def test_a_lost_factor_is_taken_away_with_the_password(pages: Pages) -> None:
    name, _, _ = with_app(pages, "steward")
    lost = next(user for user in users.users(pages.database.reader) if user.name == name)
    admin = pages.staff("admin")
    page = admin.post(f"/admin/users/{lost.user_id}/no-second-factor").text
    fresh = re.search(r'<p class="code">([^<]+)</p>', page)
    assert fresh
    someone = pages.stranger()
    old = someone.post("/admin/sign-in", {"name": name, "password": PASSWORD})
    assert old.status_code == 401
    someone.post("/admin/sign-in", {"name": name, "password": fresh[1]})
    assert someone.get("/admin/").location == "/admin/account/"


class TestStepUp:
    @pytest.mark.parametrize(
        "target",
        ["/admin/halls/1/clear", "/admin/badges/reissue", "/admin/kiosks/k1/fence",
         "/admin/users/1/pin", "/admin/users/invite", "/admin/entries.csv", "/admin/acts.csv"],
    )  # fmt: skip
    def test_what_weighs_much_asks_again(self, pages: Pages, target: str) -> None:
        admin = pages.staff("admin")
        pages.now += 15 * MINUTE
        before = acts(pages)
        answer = admin.get(target) if target.endswith(".csv") else admin.post(target)
        assert answer.location.startswith("/admin/account/confirm?next=")
        assert acts(pages) == before

    def test_who_has_a_factor_shows_it_and_not_the_password(self, pages: Pages) -> None:
        admin = pages.staff("admin")
        secret, _ = set_up(pages, admin)
        pages.now += 20 * MINUTE
        target = admin.get(FACTORS).location
        assert target == f"/admin/account/confirm?next={FACTORS}"
        assert admin.post(target, {"present": PASSWORD}).status_code == 400
        assert admin.get(FACTORS).status_code == 303
        assert admin.post(target, {"code": code(pages, secret)}).location == FACTORS
        assert admin.get(FACTORS).status_code == 200


def test_roles_that_need_it_are_roles(event: Event) -> None:
    with pytest.raises(EventError, match="second_factor_roles must be a list of roles"):
        replace(event.settings, second_factor_roles=["boss"])


@pytest.mark.parametrize("has_app", [False, True])
def test_a_role_with_two_factors_needs_an_app_again(strict: Pages, has_app: bool) -> None:
    steward = strict.staff("steward")
    user_id = users.users(strict.database.reader)[-1].user_id
    if has_app:
        set_up(strict, steward)
    answer = steward.post(f"{FACTORS}/app/remove")
    assert answer.status_code == (303 if has_app else 400)
    assert has_app or "There is no authenticator app" in answer.text
    strict.database.write(
        lambda db: users.set_role(db, user_id, "admin", by="test", now=strict.now)
    )
    assert steward.get("/admin/users/").location == FACTORS


def test_a_factor_that_there_is_not_is_not_removed(pages: Pages) -> None:
    admin, other = pages.staff("admin"), enter(pages, name_of(pages))
    before = acts(pages)
    for factor in ("app", "passkey"):
        answer = admin.post(f"{FACTORS}/{factor}/remove", {"passkey": "00"})
        assert answer.status_code == 400
        assert "Nothing was changed" in answer.text
    assert acts(pages) == before
    assert other.get("/admin/").status_code == 200, "and nobody is signed out"

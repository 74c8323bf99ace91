"""Accepted passwords."""

import pytest

from server.core.staff import passwords, users
from server.core.staff.passwords import PoorPasswordError, check


@pytest.mark.parametrize(
    "password",
    [
        "otter violin gravel seven",
        "correct horse battery",
        "x9$kf-2Lq8zt",
        "Zwölf Boxkämpfer jagen",
        "一座灯塔照亮了港口的夜晚",
        "            never mind",
        "x" * 11 + "q7 otter violin" + "y" * 100,
    ],
)
def test_these_are_good(password: str) -> None:
    check(password, chars_min=passwords.CHARS_MIN)


@pytest.mark.parametrize(
    "password",
    [
        "123456789012", "111111111111", "password1234", "Password2026!", "passwordpassword",
        "P@ssw0rd2026", "qwertyuiop12", "1qaz2wsx3edc", "asdfghjklasdfghjkl", "iloveyou1234",
        "Welcome2026!!", "abcabcabcabc", "letmeinletmein", "zaq12wsxcde3", "Summer2026Summer",
        "qwerty123456", "football1234", "hallkeeper2026", "Admin-Admin-Admin",
        "ｐａｓｓｗｏｒｄ１２３４", "supervisor-2026", "aaaaaaaaaaaab", "098765432109",
        "！！！！！！！！！！！！",
    ],
)  # fmt: skip
def test_these_are_among_the_first_that_anybody_tries(password: str) -> None:
    with pytest.raises(PoorPasswordError, match="too easy to guess"):
        check(password, chars_min=passwords.CHARS_MIN)


@pytest.mark.parametrize("password", ["", "x9$kf-2Lq8zt5w", "otter violin " * 16])
def test_too_short_or_too_long(password: str) -> None:
    with pytest.raises(PoorPasswordError, match="15 to 200 characters"):
        check(password)


def test_beside_a_second_factor_eight_characters_do() -> None:
    check("x9$kf-2L", chars_min=passwords.CHARS_MIN)
    with pytest.raises(PoorPasswordError, match="8 to 200 characters"):
        check("x9$kf-2", chars_min=passwords.CHARS_MIN)


@pytest.mark.parametrize("password", ["alhambra", "Blindman", "s7fhs127", "YJDBRJDF"])
def test_common_passwords_of_breaches_are_refused(password: str) -> None:
    with pytest.raises(PoorPasswordError, match="too easy to guess"):
        check(password, chars_min=passwords.CHARS_MIN)


@pytest.mark.parametrize("password", ["Okonkwo-Harbour", "harbourforum26", "Okonkwo.2026!"])
def test_what_event_and_user_are_called_counts_as_one_piece(password: str) -> None:
    check(password, (), chars_min=passwords.CHARS_MIN)
    with pytest.raises(PoorPasswordError, match="too easy to guess"):
        check(password, ("Harbour Forum", "Okonkwo"), chars_min=passwords.CHARS_MIN)


def test_the_longest_costs_little() -> None:
    check("otter violin " * 15)  # else a form of this length would block a thread


def test_passwords_that_we_make_are_good() -> None:
    for _ in range(200):
        check(users.make_password())


def test_at_least_64_characters_are_taken() -> None:
    assert passwords.CHARS_MIN <= 15
    assert passwords.CHARS_MAX >= 64

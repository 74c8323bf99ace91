import pytest
from hypothesis import given
from hypothesis import strategies as st

from badges.credential.badge_number import SERIAL_MAX, badge_number, parse_badge_number


@pytest.mark.parametrize(
    ("serial", "number"),
    [(0, "00000"), (31, "0000Z"), (32, "00010"), (0x1F3A7, "03WX7"), (SERIAL_MAX, "FZZZZ")],
)
def test_known_numbers(serial: int, number: str) -> None:
    assert badge_number(serial) == number
    assert parse_badge_number(number) == serial


@given(st.integers(0, SERIAL_MAX))
def test_every_serial_comes_back(serial: int) -> None:
    number = badge_number(serial)
    assert len(number) == 5
    assert not set(number) & set("ILOU")
    assert parse_badge_number(number) == serial


@pytest.mark.parametrize("typed", ["03wx7", " 03-WX7 ", "o3wx7", "0 3 W X 7"])
def test_numbers_as_people_type_them(typed: str) -> None:
    assert parse_badge_number(typed) == 0x1F3A7


def test_confusable_letters() -> None:
    assert parse_badge_number("0OIL1") == parse_badge_number("00111")


@pytest.mark.parametrize(
    "typed", ["", "03WX", "03WX7Z", "U3WX7", "GZZZZ", "ZZZZZ", "03W_7", "０３WX7", "x" * 1_000_000]
)
def test_malformed_numbers_are_refused(typed: str) -> None:
    with pytest.raises(ValueError, match="a badge number has 5 characters, such as 03WX7"):
        parse_badge_number(typed)


@pytest.mark.parametrize("serial", [-1, SERIAL_MAX + 1])
def test_invalid_serials_are_refused(serial: int) -> None:
    with pytest.raises(ValueError, match="a serial is 0 to 16777215"):
        badge_number(serial)

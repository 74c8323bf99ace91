"""Hand scanners with wrong keyboard layouts: corrected if certain, and never "forged"."""

import pytest
from flask.testing import FlaskClient

from kiosk.screen.hand_scanner import LAYOUTS, WrongLayoutError, read_typed
from tests.kiosk.screen.keyboards import character, keys_of
from tests.kiosk.screen.screen_fixture import Face, post
from tests.kiosk.support.door_fixture import badge

BADGE = badge(0x123456)
ALL = badge(0x00CAFE)  # together they have every character of the alphabet


def typed(text: str, scanner: str, computer: str, caps: bool = False) -> tuple[str, list[str]]:
    """The browser's report of a scanner's keys on that computer."""
    keys = keys_of(text, scanner)
    typed_text = "".join(
        key if len(key := character(code, shift, computer)) == 1 else "\ufffd"
        for code, shift in keys
    )
    return (typed_text.swapcase() if caps else typed_text), [
        ("^" if s else "") + code for code, s in keys
    ]


@pytest.mark.parametrize("caps", [False, True])
@pytest.mark.parametrize("computer", LAYOUTS)
@pytest.mark.parametrize("scanner", LAYOUTS)
@pytest.mark.parametrize("text", [BADGE, ALL])
def test_every_pair_of_layouts(text: str, scanner: str, computer: str, caps: bool) -> None:
    typed_text, keys = typed(text, scanner, computer, caps)

    meant, repaired = read_typed(typed_text, keys)

    assert meant == text
    assert repaired == (typed_text != text)
    if scanner != computer:
        assert typed_text != text


def test_every_character_has_its_key_on_every_layout() -> None:
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
    for layout in LAYOUTS:
        typed_text, keys = typed(alphabet, layout, layout)
        assert typed_text == alphabet
        assert len(set(keys)) == len(alphabet)


def test_lower_case_is_read() -> None:
    assert read_typed(BADGE.lower()) == (BADGE, True)


@pytest.mark.parametrize("text", [BADGE, "https://example.org/", "4006381333931", "HK", "hk123"])
def test_correct_text_is_unchanged(text: str) -> None:
    assert read_typed(text) == (text, False)


def test_broken_badge_stays_for_the_kiosk_to_judge() -> None:
    broken = BADGE[:-1]
    assert read_typed(broken, typed(broken, "US", "US")[1]) == (broken, False)


@pytest.mark.parametrize("computer", ["DE", "FR"])
def test_wrong_layout_without_the_keys_is_explained(computer: str) -> None:
    """Some browsers do not report keys."""
    typed_text, _ = typed(BADGE, "US", computer)

    with pytest.raises(WrongLayoutError):
        read_typed(typed_text)


def test_input_method_hides_the_characters_but_not_the_keys() -> None:
    _, keys = typed(BADGE, "US", "US")
    assert read_typed("\ufffd" * len(keys), keys) == (BADGE, True)
    with pytest.raises(WrongLayoutError):
        read_typed("\ufffd" * len(keys), [*keys[:2], *("IntlRo" for _ in keys[2:])])


def test_the_page_passes_on_the_corrected_text(face: Face, client: FlaskClient) -> None:
    typed_text, keys = typed(BADGE, "US", "DE")
    answered = post(client, "/text", {"text": typed_text, "keys": keys}, face.own())

    assert answered.status_code == 200  # 204: as typed
    assert face.typed == [BADGE]


def test_a_wrong_layout_is_reported_and_nothing_is_decided(face: Face, client: FlaskClient) -> None:
    typed_text, _ = typed(BADGE, "US", "FR")
    refused = post(client, "/text", {"text": typed_text}, face.own())

    assert refused.status_code == 422
    assert refused.get_json()["error"]["code"] == "scanner_layout"
    assert face.typed == []


@pytest.mark.parametrize("keys", [["KeyH"] * 161, ["K" * 25], "KeyH", [7]])
def test_malformed_keys_are_a_clear_error(face: Face, client: FlaskClient, keys: object) -> None:
    refused = post(client, "/text", {"text": "HK", "keys": keys}, face.own())

    assert refused.status_code == 400
    assert face.typed == []

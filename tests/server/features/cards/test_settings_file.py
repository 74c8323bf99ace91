"""Hand-written text in cards.toml stays, and text that can't stay is named."""

import tomllib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from badges.printing.look import LINES
from server.core.people.card_design import CardSettings, DesignError, parse_card_settings
from server.features.cards.designing.settings_file import rewritten

HAND = """\
# Our cards, agreed with the host on 3 May.
format = "4x6in"   # what the printer takes

wifi_name = 'HARBOUR # 1'
help = [
  "Desk",  # in Hall 1
  "+49 40",
]
# The programme
[[programme]]
at = "9:30"
en = "Opening"
"""


def of(text: str) -> CardSettings:
    return parse_card_settings(text, "cards.toml")


def test_nothing_changed() -> None:
    result = rewritten(HAND, of(HAND), "cards.toml")
    assert (result.text, result.dropped) == (HAND, ())


def test_only_what_changed_is_written_anew() -> None:
    result = rewritten(HAND, replace(of(HAND), format="a6", back=True, dates="in May"), "x")
    expected = HAND.replace('"4x6in"', '"a6"')
    head, _, table = expected.partition("[[programme]]")
    assert result.text == f'{head}back = true\ndates = "in May"\n[[programme]]{table}'
    assert result.dropped == ()
    assert tomllib.loads(result.text)["back"] is True
    assert "'HARBOUR # 1'" in result.text


def test_comments_that_go_are_named() -> None:
    result = rewritten(HAND, replace(of(HAND), help=["Desk"], programme=[]), "x")
    assert result.dropped == ("# in Hall 1",)
    assert "[[programme]]" not in result.text
    assert '"Desk"]' in result.text


def test_a_programme_in_tables_changes() -> None:
    wanted = [{"at": "10:00", "zh": "开幕式", "place": 'the "big" hall'}]
    result = rewritten(HAND, replace(of(HAND), programme=wanted), "x")
    assert of(result.text).programme == wanted
    assert "# Our cards" in result.text


def test_a_file_that_can_t_be_read() -> None:
    with pytest.raises(DesignError, match="x is not TOML"):
        rewritten("format = ", CardSettings(), "x")


def test_a_key_in_quotation_marks_keeps_its_comment() -> None:
    odd = '"format" = "62mm" # the label printer\nback = true'
    result = rewritten(odd, CardSettings(format="4x6in", back=True, dates="May"), "x")
    assert result.text == ('"format" = "4x6in" # the label printer\nback = true\ndates = "May"\n')
    assert result.dropped == ()


def test_an_inline_programme_stays_inline_and_rows_of_tables_stay_tables() -> None:
    inline = 'programme = [{at = "9:30", en = "Opening"}]\nback = true\n'
    wanted = [{"at": "10:00", "en": "A"}, {"at": "11:00", "en": "B"}]
    result = rewritten(inline, replace(of(inline), programme=wanted, dates="May"), "x").text
    assert of(result) == CardSettings(back=True, programme=wanted, dates="May")
    assert "[[" not in result
    result = rewritten(HAND, replace(of(HAND), programme=wanted), "x").text
    assert result.count("[[programme]]") == 2
    assert "# The programme" in result


_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\n\r\0"), max_size=40)
_SETTINGS = st.builds(
    CardSettings,
    format=st.sampled_from(["a6", "62mm", "a4-four"]),
    back=st.booleans(),
    latin=st.booleans(),
    job_title=st.booleans(),
    hide=st.lists(st.sampled_from(LINES), unique=True),
    dates=_TEXT,
    wifi_name=_TEXT,
    help=st.lists(_TEXT, max_size=6),
    programme=st.lists(
        st.fixed_dictionaries({"at": _TEXT.filter(bool), "en": _TEXT.filter(bool)}), max_size=4
    ),
)


@given(before=_SETTINGS, after=_SETTINGS, by_hand=st.booleans())
def test_what_is_written_is_read(before: CardSettings, after: CardSettings, by_hand: bool) -> None:
    text = rewritten(HAND if by_hand else "", before, "x").text
    assert of(text) == before
    assert of(rewritten(text, after, "x").text) == after

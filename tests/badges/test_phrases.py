"""Phrases keep their parts, so that they can be translated for each reader."""

import json
import pickle
from datetime import date
from gettext import NullTranslations

import pytest

from badges.i18n import (
    Count,
    Day,
    Phrase,
    Spoken,
    Translated,
    counted,
    joined,
    phrase_of,
    restored,
    say,
    stored,
)

WORDS = {
    "%(name)s has over %(most)s rows": "%(name)s 超过 %(most)s 行",
    "a list": "名单",
    " or ": "或",
    "%(num)s row of %(name)s": "%(name)s 的 %(num)s 行",
}


class Chinese(NullTranslations):
    def gettext(self, message: str) -> str:
        return WORDS.get(message, message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return WORDS.get(msgid1, msgid1 if n == 1 else msgid2)


def chinese(phrase: object) -> str:
    return say(phrase, Chinese(), "{:_}".format)


def too_long() -> Phrase:
    text = "%(name)s has over %(most)s rows"
    return Phrase(text, name=Phrase("a list"), most=Count(20_000))


def test_a_phrase_is_its_english() -> None:
    assert too_long() == "a list has over 20,000 rows"
    assert isinstance(str(too_long()), str)
    assert json.dumps(too_long()) == '"a list has over 20,000 rows"'


def test_a_phrase_is_translated_with_the_phrases_in_it() -> None:
    assert chinese(too_long()) == "名单 超过 20_000 行"


def test_other_values_are_shown_unchanged() -> None:
    assert chinese("h1 100 %") == "h1 100 %"
    assert chinese(7) == "7"


def test_a_number_that_counts_nothing_has_no_separators() -> None:
    assert Phrase("line %(line)s", line=1234) == "line 1234"


@pytest.mark.parametrize(("number", "english"), [(1, "1 row of x"), (1500, "1,500 rows of x")])
def test_plural_forms(number: int, english: str) -> None:
    phrase = counted("%(num)s row of %(name)s", "%(num)s rows of %(name)s", number, name="x")
    assert phrase == english
    assert chinese(phrase) == f"x 的 {number:_} 行"


def test_phrases_are_added_and_joined() -> None:
    assert chinese("x: " + too_long() + "!") == "x: 名单 超过 20_000 行!"
    both = joined(Phrase(" or "), ["a", Phrase("a list"), "c"])
    assert (both, chinese(both)) == ("a or a list or c", "a或名单或c")
    assert type(joined(", ", ["a", "b"])) is str
    assert joined(", ", []) == ""


def test_hundreds_of_phrases_are_joined() -> None:
    many = joined("\n", [too_long()] * 1000)
    assert chinese(many).count("名单") == 1000


def test_a_percent_sign_is_unchanged() -> None:
    assert chinese(Phrase("100 % of it")) == "100 % of it"
    assert chinese(Phrase("%(name)s is %(share)s %%", name="x", share=5)) == "x is 5 %"


@pytest.mark.parametrize(
    "phrase", [too_long(), counted("%(num)s row of %(name)s", "", 3, name="x"), Phrase("a list")]
)
def test_a_phrase_comes_back_from_another_process(phrase: Phrase) -> None:
    again = pickle.loads(pickle.dumps(phrase))
    assert (again, chinese(again)) == (phrase, chinese(phrase))


@pytest.mark.parametrize(
    "phrase", [too_long(), too_long() + ".", counted("%(num)s row", "%(num)s rows", 3)]
)
def test_a_phrase_comes_back_from_a_database(phrase: Phrase) -> None:
    again = restored(stored(phrase))
    assert (again, chinese(again)) == (phrase, chinese(phrase))


HALL = Phrase("%(name)s is full", name=Translated({"en": "Hall 1", "zh": "一号厅"}))


@pytest.mark.parametrize(
    "phrase", [HALL, pickle.loads(pickle.dumps(HALL)), restored(stored(HALL)), joined("", [HALL])]
)
def test_a_name_is_shown_in_the_language_of_the_page(phrase: Phrase) -> None:
    assert phrase == "Hall 1 is full"
    page = say(phrase, Chinese(), str, choose=lambda texts: texts["zh"])
    assert page == "一号厅 is full"


def test_a_name_without_english_is_shown_as_it_is() -> None:
    assert Translated({"en": "", "zh": "一号厅"}) == "一号厅"
    assert Translated({}) == ""


def test_a_text_without_fields_is_stored_as_it_is() -> None:
    assert stored(Phrase("a list")) == "a list"
    assert stored("x") == "x"
    assert chinese(restored("a list")) == "名单"


class RefusedError(Spoken, ValueError):
    pass


def test_an_error_keeps_its_phrase() -> None:
    error = RefusedError("%(name)s has over %(most)s rows", name="x", most=Count(5))
    assert str(error) == "x has over 5 rows"
    assert chinese(error) == "x 超过 5 行"
    assert chinese(RefusedError(error.phrase)) == "x 超过 5 行"
    assert chinese(Phrase("[%(why)s]", why=phrase_of(error))) == "[x 超过 5 行]"
    assert chinese(pickle.loads(pickle.dumps(error))) == "x 超过 5 行"


def test_an_error_with_another_text_is_shown_unchanged() -> None:
    assert chinese(ValueError("no number")) == "no number"
    assert phrase_of(ValueError()) == ""
    error = UnicodeDecodeError("utf-8", b"x", 0, 1, "odd")
    assert chinese(error) == str(error)


def test_a_day_is_written_as_each_language_does() -> None:
    day = Day(date(2026, 5, 4))
    assert day == "Mon 4 May"
    phrase = Phrase("%(day)s is over", day=day)
    assert phrase == "Mon 4 May is over"
    assert say(phrase, Chinese(), str, lambda on: f"{on.month}月{on.day}日") == "5月4日 is over"
    assert pickle.loads(pickle.dumps(day)).on == date(2026, 5, 4)

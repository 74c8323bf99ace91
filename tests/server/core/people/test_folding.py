"""Text comparison in a search, and the ways to write a name."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.core.people.folding import digits, folded, name_forms, pairs, readings


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Anna KELLER", "anna keller"),
        ("Zoë  Müller", "zoe muller"),
        ("Łukasz Ødegård", "lukasz odegard"),
        ("Weiß", "weiss"),
        ("İstanbul", "istanbul"),
        ("ＡＮＮＡ　１２", "anna 12"),
        ("O’Brien-Smith", "o brien smith"),
        ("anna@example.org", "anna example org"),
        ("海事大学MIT实验室", "海事大学 mit 实验室"),
        ("阿依古丽·买买提", "阿依古丽 买买提"),
        ("김민준", "김민준"),
        (unicodedata.normalize("NFD", "김민준"), "김민준"),
        ("ｶﾞﾝﾊﾞ", "カンハ"),
        ("أَحْمَد", "احمد"),
        ("ปรียา", "ปรียา"),
        ("%_*\"'", ""),
        ("a\0b\x1bc\ud800d", "a b c d"),
    ],
)
def test_folded(text: str, plain: str) -> None:
    assert folded(text) == plain


@given(st.text())
def test_what_is_folded_stays_as_it_is(text: str) -> None:
    once = folded(text)
    assert folded(once) == once
    assert once == " ".join(once.split())
    assert folded(text.swapcase()) in (once, folded(text.upper()), folded(text.lower()))


@pytest.mark.parametrize(
    ("given_name", "family_name", "latin", "forms"),
    [
        ("子衿", "柳", "", "柳子衿 子衿柳 liuzijin zijinliu lzj zjl"),
        ("柳子衿", "", "", "柳子衿 子衿柳 liuzijin zijinliu lzj"),
        ("小明", "欧阳", "", "ouyangxiaoming xiaomingouyang oyxm"),
        ("雄", "单", "", "shanxiong"),
        ("布", "吕", "", "lvbu lubu lyubu"),
        ("大文", "陳", "Tai Man CHAN", "taimanchan chantaiman chendawen"),
        ("Anna", "Keller", "", "annakeller kelleranna"),
        ("Jan", "van der Berg", "", "janvanderberg vanderbergjan"),
        ("Zoë", "Müller", "", "zoemuller zoemueller"),
        ("阿依古丽·买买提", "", "", "ayigulimaimaiti maimaitiayiguli"),
        ("민준", "김", "", "김민준 민준김 kimminjun minjunkim"),
        ("Юлия", "Иванова", "", "yuliyaivanova ivanovayuliya"),
    ],
)
def test_whole_names(given_name: str, family_name: str, latin: str, forms: str) -> None:
    assert set(forms.split()) <= set(name_forms(given_name, family_name, latin)[1])


def test_words_of_names() -> None:
    words = " ".join(name_forms("Jean-Pierre", "O’Brien", "")[0]).split()
    assert {"jean", "pierre", "jeanpierre", "o", "brien", "obrien"} == set(words)
    assert {"zi", "jin", "zijin"} <= set(" ".join(name_forms("子衿", "柳", "")[0]).split())


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=40))
def test_any_name_has_forms(given_name: str, family_name: str, latin: str) -> None:
    lines, whole = name_forms(given_name, family_name, latin)
    for text in (*lines, *whole):
        assert text
        assert not any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in text)
    assert all(" " not in form for form in whole)


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("+86 138 1234 5678", "13812345678"),
        ("0086-138-1234-5678", "13812345678"),
        ("13812345678", "13812345678"),
        ("１３８１２３４５６７８", "13812345678"),
        ("+86 (0)10 6278 1234", "1062781234"),
        ("010-62781234", "1062781234"),
        ("+44 20 7946 0018", "442079460018"),
        ("020 7946 0018", "2079460018"),
        ("no digits", ""),
    ],
)
def test_digits(typed: str, number: str) -> None:
    assert digits(typed) == number


def test_readings() -> None:
    assert readings("  Anna an KELLER anna ") == [["anna", "keller"]]
    assert readings("138 1234 5678") == [["138", "1234", "5678"], ["13812345678"]]
    assert readings("AB-12 O’Brien") == [["ab 12", "o brien"]]
    assert readings(" % \0 ") == []
    assert readings("0000000") == []
    assert len(readings(" ".join(f"{n}x" for n in range(10, 60)))[0]) == 12


def test_pairs() -> None:
    assert pairs("海事大学 mit 王") == ["海事", "事大", "大学", "学", "王"]

"""Names in Latin letters, or none where a proposal would be wrong."""

import pytest

from badges.printing.latin import latin_name


@pytest.mark.parametrize(
    ("given", "family", "latin"),
    [
        ("子衿", "柳", "LIU Zijin"),
        ("柳子衿", "", "LIU Zijin"),
        ("欧阳修", "", "OUYANG Xiu"),
        ("修", "欧阳", "OUYANG Xiu"),
        ("布", "吕", "LYU Bu"),
        ("国藩", "曾", "ZENG Guofan"),  # otherwise read ceng
        ("田芳", "单", "SHAN Tianfang"),
        ("민준", "김", "KIM Minjun"),
        ("김민준", "", "KIM Minjun"),
        ("გიორგი", "მაისურაძე", "Giorgi Maisuradze"),
        ("Владимир-Игорь", "Ким", "Vladimir-Igor Kim"),
        ("Αθηνά", "Παπαδοπούλου", "Athina Papadopoulou"),
        ("Դավիթ", "Հակոբյան", "Davit Hakobyan"),
        ("ሰላማዊት", "", "Selamawit"),
        ("ปรียา", "", "Priya"),
        ("अमित", "कुमार", "Amit Kumar"),
        ("さくら", "やまだ", "Yamada Sakura"),
    ],
)
def test_a_proposal(given, family, latin):
    assert latin_name(given, family) == latin


@pytest.mark.parametrize(
    ("given", "family"),
    [
        ("Anna", "Ødegård"),  # is Latin already
        ("Ngọc Ánh", "Nguyễn"),
        ("محمد", "الفارسي"),  # without vowels
        ("דוד", "כהן"),
        ("སྐལ་བཟང", ""),  # spelt far from its sound
        ("สมชาย", "ศรีสุวรรณ"),  # smchay
        ("प्रियंका", "श्रीवास्तव"),
        ("さくら", "山田"),  # of many readings
        ("小明", "Wang"),
        ("𗀀", ""),  # Tangut, whose letters Python has no names of
    ],
)
def test_no_proposal(given, family):
    assert latin_name(given, family) == ""


@pytest.mark.parametrize(
    ("language", "country"),
    [("ja", ""), ("zh-Hant-HK", ""), ("", "TW"), ("zh", "SG"), ("ko", ""), ("en", "JP")],
)
def test_han_names_from_elsewhere_are_left_to_their_bearers(language, country):
    assert latin_name("大文", "陳", language, country) == ""

"""Writes names in Latin letters, so that everybody at an international event can say them.

What is made here is a proposal. The holder's own spelling, as in a passport, is better, and a
roster can bring it. Where the script does not say how a name sounds, nothing is made: a wrong name
on somebody's chest is worse than none.
"""

import re
import unicodedata
from functools import lru_cache

from anyascii import anyascii

# In these surnames a character is read otherwise than in most other words. Syllables have spaces.
_SURNAMES = {
    "单": "shan", "曾": "zeng", "解": "xie", "仇": "qiu", "查": "zha", "朴": "piao", "缪": "miao",
    "乐": "yue", "区": "ou", "覃": "qin", "翟": "zhai", "冼": "xian", "尉迟": "yu chi",
    "万俟": "mo qi", "单于": "chan yu", "單": "shan", "區": "ou", "尉遲": "yu chi",
}  # fmt: skip
_LONG_SURNAMES = frozenset(
    "欧阳 司马 上官 诸葛 夏侯 皇甫 尉迟 公孙 慕容 令狐 长孙 宇文 司徒 轩辕 东方 独孤 南宫 西门"
    " 呼延 端木 万俟 申屠 太史 公羊 澹台 濮阳 淳于 单于 钟离 闻人 司空 第五 拓跋 東方 歐陽 司馬"
    " 諸葛 長孫 獨孤 南宮 西門 軒轅 尉遲 夏侯".split()
)
# As most bearers write these surnames, otherwise than the Revised Romanization.
_KOREAN = {"김": "Kim", "이": "Lee", "박": "Park", "최": "Choi", "정": "Jung", "강": "Kang",
           "조": "Cho", "임": "Lim", "신": "Shin", "권": "Kwon", "노": "Noh", "구": "Koo",
           "우": "Woo", "문": "Moon", "주": "Joo", "유": "Yoo"}  # fmt: skip
# Bearers of Han names from there write them after another sound or another system.
_OTHER_READINGS = frozenset({"HK", "MO", "TW", "SG", "MY", "JP", "KR", "KP", "VN"})
_HAN = re.compile(r"[\u3005\u3007\u3400-\u9fff\U00020000-\U0003ffff]")
_HANGUL = re.compile(r"[\uac00-\ud7a3]")
_KANA = re.compile(r"[\u3040-\u30ff]")
# These scripts leave vowels out, or their spelling is far from their sound. Of letters in the one
# without a name, such as Tangut, Python knows nothing.
_SILENT = ("", "ARABIC", "HEBREW", "SYRIAC", "TIBETAN", "MYANMAR")
_LETTERS = ("CYRILLIC", "GREEK", "GEORGIAN", "ARMENIAN", "ETHIOPIC", "LATIN")
_LEADING_VOWEL = re.compile(r"([เแโใไເແໂໃໄ])([ก-ฮກ-ຮ])")
_GREEK_OU = re.compile(r"([οόΟΌ])[υύΥΎ]")
_DIGRAPHS = re.compile(r"kh|th|ph|ch|sh|gh|dh|bh|jh|ng|ny")
_CROWDED = re.compile(
    r"(?:^|\s)(?:[^aeiou\s]*(?:\s|$)|[^aeiou\s][^aeiourlywh\s]|[^aeiou\s]{3})"
    r"|[^aeiou\s]{3}|[^aeiou\s]{2}(?:\s|$)"
)


@lru_cache(maxsize=1 << 14)
def latin_name(given: str, family: str, language: str = "", country: str = "") -> str:
    """Return the whole name in Latin letters, or "" where it is so already or none can be made.

    `country` is an ISO 3166 code, where it is known. East Asian family names stand first, in
    capitals, as passports have them.
    """
    whole = f"{given} {family}".strip()
    if not _needs_latin(whole):
        return ""
    if _HAN.search(whole):
        return _pinyin(given, family, language, country)
    if _HANGUL.search(whole):
        return _korean(given, family)
    parts = [_word_by_word(part) for part in ((family, given) if _KANA.search(whole)
                                              else (given, family)) if part]  # fmt: skip
    return " ".join(parts) if all(parts) else ""


def syllables(given: str, family: str) -> tuple[list[str], list[str]]:
    """Return the pinyin without tones of each character of a family name and of a given name.

    Both are empty where the name has other than Han characters. Wherever the bearer is from, people
    who read Chinese look for the name by this sound. What `lü` sounds like is written `lv`.
    """
    if not family:
        family, given = _split(given)
    if not family or not all(map(_HAN.fullmatch, given + family)):
        return [], []
    return _SURNAMES.get(family, "").split() or list(_sounds(family)), list(_sounds(given))


def _needs_latin(text: str) -> bool:
    return any(char.isalpha() and not _script(char).startswith("LATIN") for char in text)


@lru_cache(maxsize=1 << 12)
def _script(char: str) -> str:
    return unicodedata.name(char, "")


def _pinyin(given: str, family: str, language: str, country: str) -> str:
    """Return a Chinese name in pinyin, as Chinese passports write it. Names of Japan, Korea,
    Hongkong and others are left to their bearers.
    """
    tag = language.lower()
    foreign = tag.startswith(("ja", "ko", "vi", "zh-hant", "zh-tw", "zh-hk", "zh-mo"))
    if foreign or country.upper() in _OTHER_READINGS or _KANA.search(given + family):
        return ""
    if not family:
        family, given = _split(given)
    if not all(map(_HAN.fullmatch, given + family)):
        return ""
    first = _SURNAMES.get(family, "").replace(" ", "") or _sound(family)
    return " ".join(filter(None, (first.upper(), _sound(given).capitalize())))


def _split(name: str) -> tuple[str, str]:
    size = 2 if len(name) > 2 and name[:2] in _LONG_SURNAMES else 1
    return name[:size], name[size:]


def _sound(han: str) -> str:
    """Return the syllables as one word. Passports write YU for the vowel that pinyin writes ü."""
    return "".join(_sounds(han)).replace("v", "yu").replace("ü", "yu")


@lru_cache(maxsize=1 << 14)
def _sounds(han: str) -> tuple[str, ...]:
    # Its tables take a tenth of a second to load, and many events and commands have no such name.
    from pypinyin import Style, lazy_pinyin

    return tuple(lazy_pinyin(han, style=Style.NORMAL))


def _korean(given: str, family: str) -> str:
    if not family and _HANGUL.fullmatch(given[:1]) and 2 <= len(given) <= 4:
        family, given = given[:1], given[1:]
    if not all(_HANGUL.match(char) or char.isspace() for char in given + family):
        return ""
    first = _KOREAN.get(family) or anyascii(family)
    return " ".join(filter(None, (first.upper(), anyascii(given).capitalize())))


def _word_by_word(text: str) -> str:
    scripts = {_script(char).partition(" ")[0] for char in text if char.isalpha()}
    if scripts & set(_SILENT):
        return ""
    # In Thai and Lao some vowels are written before the consonant after which they sound.
    text = _LEADING_VOWEL.sub(r"\2\1", unicodedata.normalize("NFC", text))
    plain = anyascii(_GREEK_OU.sub(r"\1u", text))
    plain = re.sub(r"[^A-Za-z' .-]", "", plain).replace("'", "")
    if scripts <= set(_LETTERS) or _can_be_said(plain):
        return " ".join(_capital(word) for word in plain.split())
    return ""


def _can_be_said(plain: str) -> bool:
    """Tell whether vowels and consonants alternate enough. Many scripts of India and Southeast
    Asia leave out a vowel that is spoken.
    """
    units = _DIGRAPHS.sub(lambda pair: pair[0][0], plain.lower())
    return not _CROWDED.search(units)


def _capital(word: str) -> str:
    return "-".join(part[:1].upper() + part[1:].lower() for part in word.split("-"))

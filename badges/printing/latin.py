"""Transcribes names into Latin letters, so that everyone at an international event can pronounce
them.

The result is a proposal. The holder's own spelling, as in a passport, is better, and a roster
can contain it. If the letters leave the pronunciation open, there is no result, because a wrong
name on a card is worse than none. This applies to scripts that omit vowels or write silent ones
(Arabic, Hebrew, Ethiopic, Thai, Khmer, scripts of India), to names in katakana, which are mostly
foreign, and to all scripts not named here.
"""

import re
import unicodedata
from functools import lru_cache

from badges.printing import alphabets

# Surnames whose characters are read otherwise than in most other words. Syllables have spaces.
_SURNAMES = {
    "单": "shan", "曾": "zeng", "解": "xie", "仇": "qiu", "查": "zha", "朴": "piao", "缪": "miao",
    "乐": "yue", "区": "ou", "覃": "qin", "翟": "zhai", "冼": "xian", "尉迟": "yu chi",
    "万俟": "mo qi", "单于": "chan yu", "單": "shan", "區": "ou", "尉遲": "yu chi", "卜": "bu",
    "阚": "kan", "闞": "kan", "种": "chong", "折": "she", "繁": "po", "召": "shao", "员": "yun",
    "員": "yun", "秘": "bi", "佴": "nai",
}  # fmt: skip
_OF_TWO_READINGS = frozenset("盖牟隗乐樂")  # bearers of these surnames differ
_LONG_SURNAMES = frozenset(
    "欧阳 司马 上官 诸葛 夏侯 皇甫 尉迟 公孙 慕容 令狐 长孙 宇文 司徒 轩辕 东方 独孤 南宫 西门"
    " 呼延 端木 万俟 申屠 太史 公羊 澹台 濮阳 淳于 单于 钟离 闻人 司空 第五 拓跋 東方 歐陽 司馬"
    " 諸葛 長孫 獨孤 南宮 西門 軒轅 尉遲 夏侯".split()
)
# Usual spellings of surnames that differ from the Revised Romanization.
_KOREAN = {"김": "Kim", "이": "Lee", "박": "Park", "최": "Choi", "정": "Jung", "강": "Kang",
           "조": "Cho", "임": "Lim", "신": "Shin", "권": "Kwon", "노": "Noh", "구": "Koo",
           "우": "Woo", "문": "Moon", "주": "Joo", "유": "Yoo"}  # fmt: skip
# Han names from there have another pronunciation or another romanization.
_OTHER_READINGS = frozenset({"HK", "MO", "TW", "SG", "MY", "JP", "KR", "KP", "VN"})
_HAN = re.compile(r"[\u3005\u3007\u3400-\u9fff\U00020000-\U0003ffff]")
_HANGUL = re.compile(r"[\uac00-\ud7a3]")
_KANA = re.compile(r"[\u3040-\u30ff]")
_TWO_SYLLABLES = frozenset("남궁 황보 제갈 사공 선우 서문 독고 동방".split())  # Korean surnames
# The parts of a Hangul syllable by the Revised Romanization. A final consonant is not released.
_INITIALS = "g kk n d tt r m b pp s ss  j jj ch k t p h".split(" ")
_VOWELS = "a ae ya yae eo e yeo ye o wa wae oe yo u wo we wi yu eu ui i".split()
_FINALS = " k k k n n n t l k m l l l p l m p p t t ng t t k t p t".split(" ")
_BETWEEN = re.compile(r"\s+|[.\-]")
_NO_LETTERS = re.compile(r"[^\w\u0300-\u036f]|[\d_ʼ]")


@lru_cache(maxsize=1 << 14)
def latin_name(given: str, family: str, language: str = "", country: str = "") -> str:
    """The whole name in Latin letters, or "" if it already is, or if no transcription is certain.

    `country` is an ISO 3166 code, or "". East Asian family names are first, in capitals, as in
    passports.
    """
    whole = f"{given} {family}".strip()
    if not _needs_latin(whole):
        return ""
    if _HAN.search(whole):
        return _pinyin(given, family, language, country)
    if _HANGUL.search(whole):
        return "" if country.upper() == "KP" else _korean(given, family)
    ordered = (family, given) if _KANA.search(whole) else (given, family)
    tag = language.lower().partition("-")[0]
    cyrillic = alphabets.cyrillic_language(whole, tag, country.upper())
    parts = [_word_by_word(part, tag, cyrillic) for part in ordered if part.strip()]
    return " ".join(parts) if all(parts) else ""


def syllables(given: str, family: str) -> tuple[list[str], list[str]]:
    """The pinyin, without tones, of each character of family and given name.

    Both are empty if the name has other than Han characters. People who read Chinese search by this
    pronunciation, regardless of the bearer's country. `lü` is written `lv`.
    """
    if not family:
        family, given = _split(given)
    if not family or not all(map(_HAN.fullmatch, given + family)):
        return [], []
    return _SURNAMES.get(family, "").split() or list(_sounds(family)), list(_sounds(given))


def _needs_latin(text: str) -> bool:
    return any(
        char.isalpha() and not _script(char).startswith(("LATIN", "MODIFIER")) for char in text
    )


@lru_cache(maxsize=1 << 12)
def _script(char: str) -> str:
    return unicodedata.name(char, "")


def _pinyin(given: str, family: str, language: str, country: str) -> str:
    """A Chinese name in pinyin, as in Chinese passports. "" for names of Japan, Korea, Hong Kong
    and others, which have their own spelling.
    """
    tag = language.lower()
    foreign = tag.startswith(("ja", "ko", "vi", "zh-hant", "zh-tw", "zh-hk", "zh-mo"))
    if foreign or country.upper() in _OTHER_READINGS or _KANA.search(given + family):
        return ""
    if not family:
        family, given = _split(given)
    if not all(map(_HAN.fullmatch, given + family)):
        return ""
    if family in _OF_TWO_READINGS:
        return ""
    first = _SURNAMES.get(family, "").replace(" ", "") or _sound(family)
    return " ".join(filter(None, (first.upper(), _sound(given).capitalize())))


def _split(name: str) -> tuple[str, str]:
    size = 2 if len(name) > 2 and name[:2] in _LONG_SURNAMES else 1
    return name[:size], name[size:]


def _sound(han: str) -> str:
    """The syllables joined. Passports write YU for the vowel ü of pinyin."""
    return "".join(_sounds(han)).replace("v", "yu").replace("ü", "yu")


@lru_cache(maxsize=1 << 14)
def _sounds(han: str) -> tuple[str, ...]:
    # Imported here because its tables take 0.1 s to load, and many events have no such name.
    from pypinyin import Style, lazy_pinyin

    return tuple(lazy_pinyin(han, style=Style.NORMAL))


def _korean(given: str, family: str) -> str:
    if not family and re.fullmatch(r"[\uac00-\ud7a3]{2,4}", given):
        size = 2 if given[:2] in _TWO_SYLLABLES else 1
        if size == 2 and len(given) < 4:
            return ""  # 황보라 may be Hwang Bora or Hwangbo Ra.
        family, given = given[:size], given[size:]
    if not all(_HANGUL.match(char) or char.isspace() for char in given + family):
        return ""
    first = _KOREAN.get(family) or _hangul(family)
    return " ".join(filter(None, (first.upper(), _hangul(given).capitalize())))


def _hangul(text: str) -> str:
    """Syllable by syllable, as usual for names: 백두 is Baekdu."""
    spelt = ""
    for char in text:
        if char.isspace():
            spelt += char
        else:
            rest, final = divmod(ord(char) - 0xAC00, 28)
            initial, vowel = divmod(rest, 21)
            spelt += _INITIALS[initial] + _VOWELS[vowel] + _FINALS[final]
    return spelt


def _word_by_word(text: str, language: str, cyrillic: str) -> str:
    """Return "" if a word has no certain transcription."""
    words = [_NO_LETTERS.sub("", word) for word in _BETWEEN.split(text)]
    spelt = [_word(word, language, cyrillic) if word else "" for word in words]
    if any(word and not result for word, result in zip(words, spelt, strict=True)):
        return ""
    between = [" " if sign.isspace() else sign for sign in _BETWEEN.findall(text)]
    return "".join(map("".join, zip(spelt, [*between, ""], strict=True))).strip()


def _word(word: str, language: str, cyrillic: str) -> str:
    scripts = {_script(char).partition(" ")[0] for char in word if char.isalpha()}
    if len(scripts) != 1:
        return ""
    match scripts.pop():
        case "LATIN":
            return word
        case "CYRILLIC":
            spelt = alphabets.cyrillic(word, cyrillic)
        case "GREEK":
            spelt = alphabets.greek(word)
        case "ARMENIAN" if language != "hyw":
            spelt = alphabets.armenian(word)
        case "GEORGIAN":
            spelt = alphabets.georgian(word)
        case "HIRAGANA":
            spelt = alphabets.hiragana(word)
        case _:
            return ""
    return spelt[:1].upper() + spelt[1:]

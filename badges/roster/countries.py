"""Countries by ISO 3166 code and by name, in all languages of Unicode's CLDR.

Babel has the names. Language files are read on first use, not on import. English and Chinese are
searched first, then all other languages. A name of two countries is refused, with both.
"""

import difflib
import functools
import re
import unicodedata
from collections.abc import Iterable, Mapping

from babel import Locale, localedata
from babel.core import get_global
from babel.localedata import locale_identifiers

from badges.i18n import CHINESE, ENGLISH, Translated

# Codes of CLDR that are no countries: groups, reserved islands, and codes for tests.
_NO_COUNTRIES = frozenset("AC CP CQ DG EA EZ IC QO TA XA XB ZZ".split())
# EU and UN are reserved in ISO 3166, and delegations use them. Kosovo has a code by custom.
_FIRST = ("en", "zh", "zh_Hant", "zh_Hant_HK")  # searched first
_CODE = re.compile(r"[A-Z]{2}")
_SUGGESTIONS = 3

# Names that CLDR lacks, by code: usual short forms, ISO's long forms, and former names.
_ALIASES = {
    "AE": "UAE / Emirates / 阿联酋",
    "BA": "Bosnia / 波黑",
    "BN": "Brunei Darussalam",
    "CD": "DRC / DR Congo / D.R. Congo / Congo DR / Democratic Republic of the Congo"
    " / Democratic Republic of Congo / Congo, Democratic Republic of the / Congo (DRC)"
    " / Congo-Kinshasa / Zaire / 刚果金 / 刚果民主共和国 / 民主刚果",
    "CG": "Republic of the Congo / Republic of Congo / Congo, Republic of the / Congo (Republic)"
    " / Congo-Brazzaville / 刚果布 / 刚果共和国",
    "CI": "Ivory Coast",
    "CN": "PRC / P.R. China / PR China / P.R.C. / People's Republic of China"
    " / China, People's Republic of / Mainland China / China (Mainland) / Chinese Mainland"
    " / 中国大陆 / 中国内地 / 大陆 / 内地 / 中华人民共和国 / 中國大陸 / 中華人民共和國",
    "CV": "Cabo Verde",
    "CZ": "Czech Republic",
    "FK": "Falkland Islands (Malvinas) / Malvinas",
    "FM": "Federated States of Micronesia",
    "GB": "UK / U.K. / Great Britain / Britain / England / Scotland / Wales / Northern Ireland"
    " / United Kingdom of Great Britain and Northern Ireland / 大不列颠 / 英格兰 / 苏格兰",
    "HK": "Hong Kong / Hong Kong SAR / Hong Kong, China / Hongkong / HKSAR / China Hong Kong / 香港"
    " / 中国香港 / 中國香港 / 香港特区 / 香港特别行政区 / 香港特別行政區",
    "IR": "Islamic Republic of Iran / Persia",
    "KP": "DPRK / D.P.R. Korea / North Korea / Democratic People's Republic of Korea"
    " / Korea, Democratic People's Republic of / Korea (DPR) / Korea, North"
    " / 朝鲜民主主义人民共和国",
    "KR": "ROK / R.O.K. / South Korea / S. Korea / Republic of Korea / Korea, Republic of"
    " / Korea (Republic of) / Korea (South) / Korea, South / Korea Rep. / 南韩 / 大韩民国",
    "LA": "Lao PDR / Lao / Lao People's Democratic Republic",
    "LY": "Libyan Arab Jamahiriya",
    "MK": "Macedonia / FYROM / 马其顿",
    "MM": "Burma",
    "MO": "Macao / Macau / Macao SAR / Macau SAR / Macao, China / China Macao / 澳门"
    " / 澳門 / 中国澳门 / 中國澳門 / 澳門特別行政區 / 澳门特区 / 澳门特别行政区",
    "NL": "Holland / The Netherlands",
    "PS": "Palestine / State of Palestine / Palestine, State of / Palestinian Territory, Occupied"
    " / 巴勒斯坦",
    "RU": "Russian Federation / 俄国 / 俄罗斯联邦",
    "SA": "KSA / السعودية / 沙特",
    "SY": "Syrian Arab Republic",
    "SZ": "Swaziland",
    "TL": "East Timor / 东帝汶",
    "TR": "Turkey / Republic of Turkey",
    "TW": "Taiwan (Province of China) / Taiwan, Province of China / Taiwan, China / Chinese Taipei"
    " / Taiwan Province / China Taiwan / 台湾 / 台灣 / 臺灣 / 台湾省 / 中国台湾 / 台湾地区"
    " / 中國台灣 / 中國臺灣 / 中国台湾省 / 中国台湾地区 / 中国台北 / 中华台北",
    "US": "USA / U.S.A. / U.S. / United States of America / America / the States / 美利坚合众国"
    " / アメリカ / 米国",
    "VA": "Holy See / Vatican / 梵蒂冈城国",
    "VC": "Saint Vincent",
    "VG": "Virgin Islands (British) / Virgin Islands, British / Virgin Islands (UK)",
    "VI": "Virgin Islands (U.S.) / Virgin Islands, U.S. / Virgin Islands (US)",
    "VN": "Viet Nam",
    "XK": "Republic of Kosovo",
}
# Usual nationalities, because CLDR has none.
_NATIONALITIES = (
    "AE Emirati AF Afghan AR Argentine AR Argentinian AT Austrian AU Australian BD Bangladeshi"
    " BE Belgian BG Bulgarian BR Brazilian BY Belarusian CA Canadian CH Swiss CL Chilean CN Chinese"
    " CO Colombian CU Cuban CZ Czech DE German DK Danish DZ Algerian EE Estonian EG Egyptian"
    " ES Spanish ET Ethiopian FI Finnish FR French GB British GB English GB Scottish GB Welsh"
    " GH Ghanaian GR Greek HR Croatian HU Hungarian ID Indonesian IE Irish IL Israeli IN Indian"
    " IQ Iraqi IR Iranian IS Icelandic IT Italian JO Jordanian JP Japanese KE Kenyan KH Cambodian"
    " KW Kuwaiti KZ Kazakh LB Lebanese LK Lankan LT Lithuanian LU Luxembourgish LV Latvian"
    " MA Moroccan MN Mongolian MX Mexican MY Malaysian NG Nigerian NL Dutch NO Norwegian NP Nepali"
    " NZ Zealander OM Omani PE Peruvian PH Filipino PK Pakistani PL Polish PT Portuguese QA Qatari"
    " RO Romanian RS Serbian RU Russian SA Saudi SE Swedish SG Singaporean SI Slovenian SK Slovak"
    " SN Senegalese TH Thai TN Tunisian TR Turkish TZ Tanzanian UA Ukrainian UG Ugandan US American"
    " UZ Uzbek VE Venezuelan VN Vietnamese ZA African ZM Zambian ZW Zimbabwean"
)  # fmt: skip
# Full forms of words in the list above.
_TWO_WORDS = {"Lankan": "Sri Lankan", "Zealander": "New Zealander", "African": "South African"}
# "Kingdom of Norway" and "Moldova, Republic of" are found without these words. The words are kept
# in names where they distinguish two countries.
_STATE = r"(?:republic|states?|kingdom|federation|commonwealth|sultanate|principality|grand duchy)"
_BEFORE = re.compile(rf"^(?:the )?(?:[a-z'’-]+ ){{0,2}}{_STATE} of (?:the )?(.+)$", re.IGNORECASE)
_AFTER = re.compile(rf"^([^,(]+?) *[,(](?:.*\b{_STATE}\b.*| *the\)?)$", re.IGNORECASE)
_TOLD_APART = frozenset({"china", "korea", "congo", "ireland north", "samoa"})


@functools.cache
def codes() -> frozenset[str]:
    names = map(str, Locale("en").territories)
    return frozenset(code for code in names if _CODE.fullmatch(code)) - _NO_COUNTRIES


@functools.cache
def country_name(country: str, language: str = "en") -> str:
    """A country's name in a language of CLDR. An unknown code is returned unchanged."""
    if country not in codes():
        return country
    return str(Locale.parse(language, sep="-").territories.get(country, country))


def countries_called(text: str) -> tuple[str, ...]:
    """`text` may be a code of two or three letters, a number of ISO 3166, a nationality, or a name
    in any language.
    """
    return _called(unicodedata.normalize("NFKC", text).strip())


@functools.lru_cache(maxsize=4_096)
def _called(text: str) -> tuple[str, ...]:
    code = text.upper()
    if code in codes():
        return (code,)
    # "NGA" and "nga" are a code, and "Nga" is a name.
    if re.fullmatch(r"[A-Z]{2,3}|[a-z]{2,3}|[0-9]{3}", text):
        successors = get_global("territory_aliases").get(code, ())
        if len(successors) == 1 and successors[0] in codes():
            return (successors[0],)
    for form in _forms(text):
        key = _folded(form)
        for names in (_first_names, _all_names):
            matches = names().get(key, ()) if key else ()
            if matches:
                return tuple(sorted(matches))
    return ()


def near_names(text: str) -> Mapping[str, Translated]:
    """The most similar countries, such as "Germany (DE)", by code, best first."""
    known = _codes_by_name()
    near = difflib.get_close_matches(_folded(text), known, n=_SUGGESTIONS * 2, cutoff=0.6)
    found = list(dict.fromkeys(known[key] for key in near))
    return {
        code: Translated(
            {spoken: f"{country_name(code, spoken)} ({code})" for spoken in (ENGLISH, CHINESE)}
        )
        for code in found[:_SUGGESTIONS]
    }


def _forms(text: str) -> Iterable[str]:
    """Also without words such as "Republic of"."""
    yield text
    for pattern in (_BEFORE, _AFTER):
        match = pattern.match(text)
        if match and _folded(match[1]) not in _TOLD_APART:
            yield match[1]


def _folded(name: str) -> str:
    """Without case, marks, spaces or signs. Saint becomes St. as in CLDR."""
    text = unicodedata.normalize("NFKD", name.casefold().replace("&", " and "))
    words = "".join(c if c.isalnum() else "" if unicodedata.combining(c) else " " for c in text)
    parts = ["st" if word == "saint" else word for word in words.split()]
    if len(parts) > 1 and parts[0] == "the":
        parts = parts[1:]
    return unicodedata.normalize("NFC", "".join(parts))


@functools.cache
def _first_names() -> Mapping[str, frozenset[str]]:
    """Country codes by name in English and Chinese, with usual other names."""
    by_name: dict[str, frozenset[str]] = {}
    for language in _FIRST:
        for code, name in _territories(language):
            by_name.setdefault(_folded(name), frozenset({code}))
    nationality = _NATIONALITIES.split()
    for code, word in zip(nationality[::2], nationality[1::2], strict=True):
        by_name[_folded(_TWO_WORDS.get(word, word))] = frozenset({code})
    for code, names in _ALIASES.items():
        by_name |= {_folded(name): frozenset({code}) for name in names.split(" / ")}
    # Each of these means two countries, despite short names in some languages.
    by_name |= dict.fromkeys(("korea", "korean"), frozenset({"KP", "KR"}))
    by_name |= dict.fromkeys(("congo", "刚果", "剛果"), frozenset({"CD", "CG"}))
    return by_name


@functools.cache
def _all_names() -> Mapping[str, frozenset[str]]:
    """Country codes by name in every language of CLDR, in each of its scripts.

    Takes about half a second, once, and only for a name that is neither English nor Chinese.
    """
    country_codes = codes()
    meant: dict[str, set[str]] = {}
    for language in locale_identifiers():
        if len(language.partition("_")[2]) in (0, 4):
            names = _own_territories(language)
            for code in country_codes & names.keys():
                meant.setdefault(str(names[code]), set()).add(code)
    folded: dict[str, set[str]] = {}
    for name, named in meant.items():
        folded.setdefault(_folded(name), set()).update(named)
    return {key: frozenset(named) for key, named in folded.items()}


def _own_territories(language: str) -> Mapping[str, object]:
    """The country names in a language's own CLDR file. Inherited names are in another file, and
    merging both takes longer than reading both.
    """
    lock, cache = getattr(localedata, "_cache_lock", None), getattr(localedata, "_cache", None)
    if lock is None or cache is None:
        return Locale.parse(language).territories
    # Babel caches all that it reads, 170 MB for all languages. This part is removed before another
    # thread can find it.
    with lock:
        had = language in cache
        try:
            document = localedata.load(language, merge_inherited=False)
        finally:
            if not had:
                cache.pop(language, None)
    names: Mapping[str, object] = document.get("territories", {})
    return names


def _territories(language: str) -> Iterable[tuple[str, str]]:
    names = Locale.parse(language).territories
    return [(code, str(names[code])) for code in sorted(codes()) if code in names]


@functools.cache
def _codes_by_name() -> Mapping[str, str]:
    names = [*_territories(ENGLISH), *_territories(CHINESE)]
    return {_folded(name): code for code, name in names}

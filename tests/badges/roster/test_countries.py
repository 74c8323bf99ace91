"""Countries by code and by name, in any language of a roster."""

import functools
import subprocess
import sys

import pytest
from babel import Locale, localedata
from babel.localedata import locale_identifiers

from badges.roster.countries import codes, countries_called, country_name, near_names
from tests.badges.roster.rosters import messages, read, read_cell

FORMS = {
    "AE": "UAE|United Arab Emirates|阿联酋|阿拉伯联合酋长国",
    "AT": "Österreich|Austria|AUT",
    "AX": "Aland Islands|Åland Islands",
    "BO": "Bolivia (Plurinational State of)|玻利维亚",
    "BS": "The Bahamas|Bahamas, The",
    "CD": "DR Congo|Congo (DRC)|Democratic Republic of the Congo|刚果（金）",
    "CG": "Republic of the Congo|Congo-Brazzaville|刚果（布）",
    "CH": "Schweiz|Suisse|Svizzera|瑞士",
    "CI": "Ivory Coast|Cote d'Ivoire|CÔTE D’IVOIRE",
    "CN": "cn|CHN|156|China|PRC|P.R. China|中国|中國|中国大陆|中华人民共和国|Chinese|Китай|Chine",
    "CZ": "Czech Republic|Czechia|Česko",
    "DE": "DEU|Germany|German|Deutschland|Allemagne|Германия|ألمانيا|ドイツ|德国|德國",
    "EG": "مصر|Egypt",
    "ES": "España|Espagne|西班牙",
    "FM": "Micronesia, Federated States of|Federated States of Micronesia",
    "GB": "UK|U.K.|uk|Great Britain|England|英国|Royaume-Uni|United Kingdom",
    "GM": "Gambia|The Gambia",
    "HK": "Hong Kong|HONG KONG SAR|Hong Kong, China|香港|中国香港|中國香港|ＨＫ",
    "IN": "India|भारत|印度",
    "IR": "Iran (Islamic Republic of)|Iran, Islamic Republic of|ایران",
    "JP": "Japan|日本|Japon|Japanese",
    "KP": "DPRK|North Korea|Korea, Democratic People's Republic of|朝鲜",
    "KR": "South Korea|Republic of Korea|Korea, Republic of|대한민국|韩国|Korea (South)",
    "LA": "Lao PDR|Lao People's Democratic Republic|Laos",
    "LC": "St Lucia|Saint Lucia|St. Lucia",
    "MD": "Moldova, Republic of|Republic of Moldova",
    "MK": "North Macedonia|Republic of North Macedonia|Macedonia",
    "MM": "Burma|Myanmar|缅甸",
    "MO": "Macau|Macao|澳门|中国澳门|澳門",
    "NL": "Holland|The Netherlands|Nederland|荷兰",
    "NO": "Kingdom of Norway|Norge|Noreg",
    "PS": "Palestine|State of Palestine|Palestine, State of",
    "RU": "Russia|Russian Federation|Россия|俄罗斯",
    "SA": "Kingdom of Saudi Arabia|السعودية|沙特阿拉伯",
    "TH": "ไทย|Thailand|泰国",
    "TL": "East Timor|Timor-Leste|东帝汶",
    "TR": "Turkey|Türkiye|Turkiye|土耳其",
    "TT": "Trinidad and Tobago|Trinidad & Tobago",
    "TW": "Taiwan|台湾|臺灣|中国台湾|Taiwan, Province of China|Chinese Taipei",
    "TZ": "Tanzania, United Republic of|United Republic of Tanzania",
    "US": "USA|U.S.A.|United States of America|美国|États-Unis|Vereinigte Staaten|840|American",
    "VA": "Holy See|Vatican City",
    "VN": "Viet Nam|Vietnam|Việt Nam|越南",
    "XK": "Kosovo|XK",
    "ZA": "South Africa|South African|南非",
    "EU": "European Union|欧盟",
    "UN": "United Nations|联合国",
}
PAIRS = [(form, code) for code, forms in FORMS.items() for form in forms.split("|")]


@pytest.mark.parametrize(("form", "code"), PAIRS)
def test_form(form: str, code: str) -> None:
    assert countries_called(form) == (code,)


@pytest.mark.parametrize("form", ["Korea", "Congo", "Kongo", "刚果"])
def test_two_countries_are_asked_about(form: str) -> None:
    assert len(countries_called(form)) == 2
    roster = read_cell("country", form)
    assert not roster.rows
    assert "Write the ISO code" in messages(roster)


@pytest.mark.parametrize(
    "form", ["Atlantis", "Republic of China", "ZZ", "QO", "Europe", "World", "999", "-x", ""]
)
def test_no_country(form: str) -> None:
    assert countries_called(form) == ()


@pytest.mark.parametrize(
    ("slip", "near"), [("Gemany", "Germany (DE)"), ("Swizerland", "Switzerland (CH)")]
)
def test_a_misspelt_country_is_reported_with_similar_names(slip: str, near: str) -> None:
    assert next(iter(near_names(slip).values())) == near
    assert f"line 2, country: '{slip}' is not a known country. Is it {near}" in (
        messages(read_cell("country", slip))
    )


def test_every_code_and_every_name_of_the_un_languages_is_known() -> None:
    assert len(codes()) == 252
    for code in codes():
        assert countries_called(code.lower()) == (code,)
        for language in ("en", "zh", "zh_Hant", "fr", "es", "ru", "ar"):
            name = str(Locale.parse(language).territories[code])
            assert countries_called(name) == (code,) or (language, name) == ("es", "Congo")


def test_a_name_of_any_language_means_its_country(monkeypatch: pytest.MonkeyPatch) -> None:
    # Babel caches its reads, and these are only parts.
    monkeypatch.setattr(localedata, "_cache", {})
    elsewhere = set()
    called = functools.cache(countries_called)  # Many languages have the same name.
    for language in locale_identifiers():
        if "_" in language:
            continue
        # Inherited names are read with the parent language.
        own = localedata.load(language, merge_inherited=False).get("territories", {})
        for code, name in own.items():
            countries = called(str(name)) if code in codes() else (code,)
            if code not in countries:
                elsewhere.add((language, str(name)))
    # In Toki Pona that is Latvia, and in English it is Malawi.
    assert elsewhere == {("tok", "ma Lawi")}


def test_a_country_is_shown_by_its_name() -> None:
    assert country_name("CN") == "China"
    assert country_name("CN", "zh") == "中国"
    assert country_name("TR", "zh-Hant") == "土耳其"
    assert country_name("Atlantis") == "Atlantis"


def test_nationality_gives_way_to_country() -> None:
    text = "name,category,nationality,Country of work,country\nAnna,press,German,x,France\n"
    assert [row.country for row in read(text).rows] == ["FR"]
    chinese = read("姓名,category,国籍,国家/地区\n李明,press,德国,法国\n")
    assert [row.country for row in chinese.rows] == ["FR"]
    assert [row.country for row in read("name,category,国籍\nAnna,press,Chinese\n").rows] == ["CN"]


NOTHING_IS_READ_AT_IMPORT = """
import badges.roster.reader, badges.roster.countries as countries
assert countries.codes.cache_info().currsize == 0
assert countries._first_names.cache_info().currsize == 0
"""
NOT_ALL_LANGUAGES_ARE_KEPT = """
from babel import localedata
from badges.roster.countries import countries_called
assert countries_called("Deutschland") == ("DE",)
assert len(localedata._cache) < 20, len(localedata._cache)
for language in ("agq", "de", "zh"):
    assert localedata.load(language).keys() >= localedata.load("root").keys(), language
"""


@pytest.mark.system
@pytest.mark.parametrize("code", [NOTHING_IS_READ_AT_IMPORT, NOT_ALL_LANGUAGES_ARE_KEPT])
def test_memory_of_a_new_process(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True)

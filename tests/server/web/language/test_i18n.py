"""Pages in the visitor's language: by choice, by the page's proposal, by browser. A file adds a
language; Chinese is complete.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from flask import Flask, render_template_string
from flask_babel import gettext as _  # type: ignore[import-untyped]
from flask_babel import ngettext

import server as server_package
from badges.admission.facts import Reason
from badges.po import CatalogueError
from badges.roster.columns import COLUMN_WORDS
from server.core.event.directory import Event
from server.core.translations import Words
from server.storage.database import Database
from server.web import auth, i18n
from server.web.display import REASONS
from tests.server.support.pages import Pages
from tests.server.web.language import pseudo

SERVER = Path(server_package.__file__).parent
CHINESE = SERVER / "translations/zh_Hans/LC_MESSAGES/server.po"
CODE = "Your badge as a QR code"
FRENCH = f'''
msgid ""
msgstr ""
"Plural-Forms: nplurals=2; plural=n>1;\\n"

msgid "{CODE}"
msgstr "Présentez ce code à l'entrée"

msgid "%(num)s cat of %(name)s"
msgid_plural "%(num)s cats of %(name)s"
msgstr[0] "%(num)s chat de %(name)s"
msgstr[1] "%(num)s chats de %(name)s"
'''


def write(event: Event, text: str, locale: str = "fr", domain: str = "server") -> Path:
    path = event.path / "translations" / locale / f"LC_MESSAGES/{domain}.po"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


@pytest.fixture
def pages(event: Event, site: Database) -> Iterator[Pages]:
    write(event, FRENCH)
    with Pages(event, site) as opened:
        add_a_spoken_page(opened.app)
        yield opened


def add_a_spoken_page(app: Flask) -> None:
    @app.get("/spoken")
    @auth.allow_everybody
    def spoken() -> str:
        if "propose" in i18n.request.args:
            i18n.propose(i18n.request.args["propose"])
        html = (
            '<html lang="{{ page_language().tag }}" dir="{{ page_language().dir }}">{{ _("'
            + CODE
            + '") }}|{{ ngettext("%(num)s cat of %(name)s", "%(num)s cats of %(name)s", 2, '
            'name="<b>") }}|'
        )
        return render_template_string(html) + _(CODE) + ngettext("1", "more", 1)


def spoken(pages: Pages, query: str = "", like: str = "") -> str:
    answer = pages.stranger().get(f"/spoken{query}", headers={"Accept-Language": like})
    assert answer.status_code == 200
    return answer.text


def test_it_works(pages: Pages) -> None:
    assert spoken(pages) == (f'<html lang="en" dir="ltr">{CODE}|2 cats of &lt;b&gt;|{CODE}1')
    chinese = spoken(pages, "?lang=zh")
    assert '<html lang="zh-Hans" dir="ltr">' in chinese
    assert chinese.count("您的证件二维码") == 2  # in the template and in Python


def test_a_third_language_is_added_by_a_file(pages: Pages) -> None:
    french = spoken(pages, like="fr-CH")
    assert '<html lang="fr" dir="ltr">Présentez' in french
    assert "|2 chats de &lt;b&gt;|" in french


@pytest.mark.parametrize(
    ("query", "like", "expected"),
    [
        ("", "", "en"),
        ("", "zh-CN,zh;q=0.9,en;q=0.8", "zh-Hans"),
        ("", "zh-TW", "zh-Hans"),
        ("", "de-DE,fr;q=0.5", "fr"),
        ("", "xx", "en"),
        ("?lang=fr", "zh", "fr"),
        ("?lang=%3Cscript%3E", "zh", "zh-Hans"),
        ("?propose=fr-CA", "zh", "fr"),
        ("?propose=FR", "zh", "fr"),
        ("?propose=de", "zh", "zh-Hans"),
        ("?propose=", "zh", "zh-Hans"),
        ("?propose=fr&lang=zh", "en", "zh-Hans"),
    ],
)
def test_languages_are_chosen(pages: Pages, query: str, like: str, expected: str) -> None:
    assert f'<html lang="{expected}" ' in spoken(pages, query, like)


def test_a_choice_is_kept(pages: Pages) -> None:
    visitor = pages.stranger()
    first = visitor.get("/spoken?lang=fr")
    cookie = first.headers["Set-Cookie"]
    for part in ("__Host-hallkeeper-language=fr;", "Secure", "HttpOnly", "SameSite=Lax"):
        assert part in cookie
    again = visitor.get("/spoken?propose=zh", headers={"Accept-Language": "zh"})
    assert 'lang="fr"' in again.text
    assert "Set-Cookie" not in visitor.get("/spoken?lang=xx").headers


@pytest.mark.parametrize(
    ("text", "locale", "message"),
    [
        ("nonsense", "fr", "fr.LC_MESSAGES.server.po, line 1: this is not a line"),
        (FRENCH, "klingonish", "'klingonish' names no language"),
        ('msgid "Hello %(name)s"\nmsgstr "%(nom)s"\n', "fr", "line 1: .* English text does not"),
        ('msgid "Hello %(name)s"\nmsgstr "5 % %(name)s"\n', "fr", "line 1: .* English text"),
        ("#" * 1_000_001, "fr", "too large"),
    ],
)
def test_a_spoilt_file_is_told_plainly(event: Event, text: str, locale: str, message: str) -> None:
    write(event, text, locale)
    with pytest.raises(CatalogueError, match=message):
        Words(event.path)


def test_what_the_event_leaves_out_is_in_our_own_words(event: Event) -> None:
    write(event, 'msgid "Other"\nmsgstr "别的"\n', "zh_Hans")
    chinese = Words(event.path).get("zh")
    assert chinese.gettext(CODE) == "您的证件二维码"
    assert chinese.gettext("Other") == "别的"


@pytest.mark.parametrize("reason", Reason)
def test_each_reason_of_a_refusal_has_its_chinese(event: Event, reason: Reason) -> None:
    label = REASONS[reason]
    assert Words(event.path).get("zh").gettext(label) != label


def test_words_of_refusals_are_those_of_doors(event: Event) -> None:
    path = write(event, 'msgid "Forged"\nmsgstr "Faux"\n', domain="badges")
    assert Words(event.path).languages == ("en", "zh")  # Pages have no other text in French.
    write(event, FRENCH)
    french = Words(event.path).get("fr")
    assert french.gettext("Forged") == "Faux"
    assert french.gettext(CODE) == "Présentez ce code à l'entrée"
    path.write_text("nonsense", "utf-8")
    with pytest.raises(CatalogueError, match=r"badges\.po, line 1"):
        Words(event.path)


@pytest.mark.parametrize(
    ("address", "words", "other_meanings"),
    [
        ("/admin/privacy/", (">清除内容<", ">到期<"), (">已删除<", ">已到时间<")),
        ("/admin/programme/organisations", (">名称或代码<",), (">姓名<",)),
    ],
)
def test_a_word_with_two_meanings_is_translated_by_its_place(
    pages: Pages, address: str, words: tuple[str, ...], other_meanings: tuple[str, ...]
) -> None:
    page = pages.staff("admin").get(address, headers={"Accept-Language": "zh"}).text
    assert [word for word in words if word not in page] == []
    assert [word for word in other_meanings if word in page] == []


def test_the_column_of_an_order_is_no_sorting(event: Event) -> None:
    assert Words(event.path).get("zh").gettext(COLUMN_WORDS["order_number"]) == "订单号"


def test_sentences_of_templates_end_in_the_language_of_the_page() -> None:
    bare = re.compile(r"[}%]}\. ")
    pages = [path for path in pseudo.templates() if "messages" not in path.parts]
    assert [path.name for path in pages if bare.search(path.read_text("utf-8"))] == []


def marked() -> set[str]:
    return {texts[0] for texts in pseudo.marked()}


def test_chinese_is_complete_and_has_nothing_else() -> None:
    with CHINESE.open("rb") as file:
        messages = [message for message in read_po(file) if message.id]
    # A translation with plural forms is empty until it has each of them.
    translated = {
        message.id if isinstance(message.id, str) else message.id[0]
        for message in messages
        if all([message.string] if isinstance(message.string, str) else message.string)
    }
    assert marked() == translated


def test_no_marked_text_has_a_stray_percent_sign() -> None:
    """Templates insert fields by `%`, also in texts without fields."""
    stray = re.compile(r"(?<!%)%(?!\(\w+\)[sd]|%)")
    assert [text for text in marked() if stray.search(text)] == []

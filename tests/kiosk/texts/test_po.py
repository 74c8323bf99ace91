"""Catalogues: .po files, complete in Chinese, and one added by a file."""

from pathlib import Path

import pytest
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po as babel_reads

from badges.admission import sentences
from badges.admission.facts import Admitted, Denied, Direction, Reason
from badges.admission.phrases import explain
from badges.i18n import language_of, locale_of
from badges.po import CatalogueError, compiled
from kiosk.texts import catalogue
from kiosk.texts.po import Catalogues, read_po

CHINESE = Path(sentences.__file__).parent.parent / "translations/zh_Hans/LC_MESSAGES/badges.po"

PO = """
# A comment.
msgid ""
msgstr ""
"Language: fr\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: nplurals=2; plural=n>1;\\n"

#: somewhere.py:1
msgid "Not a badge"
msgstr "Ce n'est pas "
"un badge \\"vrai\\""

msgid "{n} hour"
msgid_plural "{n} hours"
msgstr[0] "{n} heure"
msgstr[1] "{n} heures"

msgctxt "door"
msgid "Exit"
msgstr "Sortie"

#, fuzzy
msgid "Fuzzy"
msgstr "Flou"

msgid "Untranslated"
msgstr ""

#~ msgid "Obsolete"
#~ msgstr "Obsolète"
"""


def write(directory: Path, text: str, locale: str = "fr", domain: str = "badges") -> Path:
    path = directory / locale / "LC_MESSAGES" / f"{domain}.po"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def test_it_works(tmp_path: Path) -> None:
    words = read_po(write(tmp_path, PO))

    assert words.gettext("Not a badge") == 'Ce n\'est pas un badge "vrai"'
    assert [words.ngettext("{n} hour", "{n} hours", n) for n in (0, 1, 2)] == [
        "{n} heure", "{n} heure", "{n} heures",
    ]  # fmt: skip
    assert words.pgettext("door", "Exit") == "Sortie"
    for missing in ("Fuzzy", "Untranslated", "Obsolete", "Exit"):
        assert words.gettext(missing) == missing


@pytest.mark.parametrize("header", ["", 'msgid ""\nmsgstr "Language: fr\\n"\n\n'])
def test_a_file_without_an_encoding_is_utf_8(tmp_path: Path, header: str) -> None:
    words = read_po(write(tmp_path, f'{header}msgid "ADMIT"\nmsgstr "ENTRÉE"\n'))
    assert words.gettext("ADMIT") == "ENTRÉE"


def test_it_reads_the_same_as_babel() -> None:
    """The same messages as the reference reader finds in the Chinese file."""
    words = read_po(CHINESE)
    with CHINESE.open("rb") as file:
        reference = babel_reads(file)

    for message in reference:
        if isinstance(message.id, tuple):
            assert words.ngettext(*message.id, 2) == message.string[0]  # type: ignore[call-arg]
        elif message.id:
            assert words.gettext(message.id) == message.string


BAD = [
    ('msgid "a"\nmsgstr \'b"', "line 2"),
    ('msgid "a"\nmsgstr "b" c', "line 2"),
    ('"floating"', "line 1"),
    ('msgid "a"\nmsgstr "\\xZZ"', "line 2"),
    ('msgid "a"\nmsgid "b"\nmsgstr "c"', "line 1: missing msgstr"),
    ('msgid "a"\nmsgid_plural "b"\nmsgstr[0] ""\nmsgstr[2] "c"', "line 1: msg has more"),
    (
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=latin-1\\n"\n\nmsgid "a"\nmsgstr "演"',
        "header",
    ),
    ('msgid "{hall} full"\nmsgstr "{salle} pleine"', "words in braces"),
    ('msgid "{hall} full"\nmsgstr "{hall pleine"', "words in braces"),
    ('msgid "{hall} full"\nmsgstr "{hall!r} pleine"', "words in braces"),
    ('msgid ""\nmsgstr "Plural-Forms: nplurals=2; plural=system(1);\\n"', "header"),
    ('msgid ""\nmsgstr "Content-Type: text/plain; charset=none-such\\n"', "header"),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_a_damaged_file_is_a_clear_error(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    catalogues = Catalogues("badges")

    with pytest.raises(CatalogueError, match=message) as caught:
        catalogues.add(tmp_path)

    assert str(path) in str(caught.value)
    assert catalogues.languages == ("en",)


def test_a_file_that_is_no_text_is_a_clear_error(tmp_path: Path) -> None:
    path = write(tmp_path, "")
    path.write_bytes(b"\xff\xfe")

    with pytest.raises(CatalogueError, match="UTF-8"):
        read_po(path)


def test_later_directory_adds_and_replaces(tmp_path: Path) -> None:
    write(tmp_path / "a", 'msgid "one"\nmsgstr "un"\n\nmsgid "two"\nmsgstr "deux"')
    write(tmp_path / "b", 'msgid "two"\nmsgstr "2"')
    write(tmp_path / "b", 'msgid "one"\nmsgstr "um"', "pt_BR")
    catalogues = Catalogues("badges", tmp_path / "a")

    catalogues.add(tmp_path / "b")

    assert catalogues.languages == ("en", "fr", "pt-BR")
    assert [catalogues.get("fr").gettext(word) for word in ("one", "two")] == ["un", "2"]
    assert catalogues.get("de").gettext("one") == "one"


def test_languages_are_named_as_in_names_of_halls() -> None:
    for locale, language in (("zh_Hans", "zh"), ("fr", "fr"), ("pt_BR", "pt-BR")):
        assert language_of(locale) == language
        assert locale_of(language) == locale


def test_chinese_is_complete_and_has_nothing_else() -> None:
    marked = {
        message if isinstance(message, str) else message[0]
        for _, message, _, _ in extract_from_file("python", sentences.__file__)
    } | {sentences.HOURS[0], sentences.MINUTES[0]}
    with CHINESE.open("rb") as file:
        catalogue = babel_reads(file)
    translated = {
        message.id if isinstance(message.id, str) else message.id[0]
        for message in catalogue
        if message.id and all((message.string,) if isinstance(message.id, str) else message.string)
    }

    assert translated == marked


@pytest.fixture
def french(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One more language, by one file in a separate directory."""
    usual = CHINESE.parents[2]
    monkeypatch.setattr(catalogue, "ANSWERS", Catalogues("badges", usual))
    text = 'msgid "Not a badge"\nmsgstr "Pas un badge"\n\nmsgid "Welcome to {place}"\n'
    write(tmp_path, f'{text}msgstr "Bienvenue : {{place}}"')
    return tmp_path


def test_third_language_is_added_by_a_file(french: Path) -> None:
    assert catalogue.ANSWERS.languages == ("en", "zh")
    catalogue.ANSWERS.add(french)
    assert catalogue.ANSWERS.languages == ("en", "fr", "zh")

    def reason_of(decision: Admitted | Denied) -> str:
        return explain(
            decision,
            Direction.ENTRY,
            language="fr",
            words=catalogue.ANSWERS.get("fr"),
            time_zone="UTC",
            at=0,
            categories={},
            hall="Salle 7",
        ).reason

    assert reason_of(Denied(Reason.NOT_A_BADGE)) == "Pas un badge"
    assert reason_of(Admitted()) == "Bienvenue : Salle 7"
    assert reason_of(Denied(Reason.FORGED)) == "This badge is not genuine"  # not translated yet


@pytest.mark.parametrize("order", ["", '\nmsgstr[1] ""'])
def test_half_a_translation_is_none(tmp_path: Path, order: str) -> None:
    """A number without some of its plural forms would be shown in two languages."""
    text = f'msgid "{{n}} hour"\nmsgid_plural "{{n}} hours"\nmsgstr[0] "{{n}} heure"{order}\n'
    words = read_po(write(tmp_path, text))
    assert words.ngettext("{n} hour", "{n} hours", 1) == "{n} hour"
    assert words.ngettext("{n} hour", "{n} hours", 2) == "{n} hours"


def test_file_too_large_is_no_catalogue(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="too large"):
        read_po(write(tmp_path, "#" * 1_000_001))


def test_the_same_text_gives_the_same_bytes_at_any_time() -> None:
    """A phone's files are known by their hash, and Babel writes the present minute."""
    assert b"POT-Creation-Date: 1970-01-01 00:00+0000" in compiled(PO, "fr", "fr.po")

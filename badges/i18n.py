"""Marks texts for other languages, and names these. Who shows the texts reads the catalogues.

English stands in the code. A language is named as in the names of halls: "en", "zh", "fr", "pt-BR".
"""

ENGLISH = "en"
CHINESE = "zh"  # In simplified characters.


def N_(text: str) -> str:
    """Mark a text for the catalogues."""
    return text


class Spoken(Exception):
    """Is the base of errors that people read. `str()` gives the English.

    `text` is marked by `N_`, and `fields` are what stands in it, so that whoever shows the error
    can say it in another language.
    """

    def __init__(self, text: str = "", **fields: object) -> None:
        super().__init__(text % fields if fields else text)
        self.text = text
        self.fields = fields

    def __reduce__(self) -> tuple[object, ...]:
        return _spoken_again, (type(self), self.text, self.fields)


def _spoken_again(kind: type[Spoken], text: str, fields: dict[str, object]) -> Spoken:
    """Make an error anew that came from another process."""
    return kind(text, **fields)


def language_of(locale: str) -> str:
    """Name the language of a locale's directory, such as "zh" for "zh_Hans" and "pt-BR" for
    "pt_BR".
    """
    return CHINESE if locale == "zh_Hans" else locale.replace("_", "-")


def locale_of(language: str) -> str:
    """Name the directory of a language, such as "zh_Hans" for "zh" and "pt_BR" for "pt-BR"."""
    return "zh_Hans" if language == CHINESE else language.replace("-", "_")

"""Asks for the encoding of a text file that is not in UTF-8."""

from badges.i18n import Phrase
from badges.roster.csv_lines import ENCODINGS
from server.features.imports.previews.kind import Answers, Question

ENCODING = "encoding"
_TEXT_SUFFIXES = (".csv", ".txt")


def encoding_questions(data: bytes, name: str, answers: Answers) -> tuple[Question, ...]:
    if not name.lower().endswith(_TEXT_SUFFIXES) or _is_utf_8(data):
        return ()
    options = (("", Phrase("Detect it")), *((name, name) for name in ENCODINGS))
    words = Phrase("Encoding of the file")
    return (Question(ENCODING, words, options, answers.get(ENCODING, "")),)


def _is_utf_8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True

"""Rejects passwords that are easily guessed (docs/security.md, Passwords).

A password must have enough pieces, and not be on the list of common passwords. A piece is text that
a guesser tries whole, such as a common word, or else one character. No kind of character is
required (OWASP ASVS 5.0, 6.2, and NIST SP 800-63B-4).
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache

from badges.i18n import N_, Spoken

CHARS_ALONE_MIN = 15  # as the only factor (NIST SP 800-63B-4, 3.1.1.2)
CHARS_MIN = 8  # with a second factor
CHARS_MAX = 200
PIECES_MIN = 6
PIECE_CHARS_MAX = 24

# Words of Hallkeeper and its roles.
CONTEXT = (
    "hallkeeper", "hall", "keeper", "kiosk", "badge", "desk", "door", "forum", "event", "server",
    "checkin", "steward", "supervisor", "admin", "administrator", "auditor",
)  # fmt: skip
_COMMON = frozenset(
    "pass password passwort motdepasse contrasena parola wachtwoord losenord mima pwd "
    "passphrase secret geheim private login logon signin access welcome willkommen bienvenue "
    "hello hallo bonjour letmein changeme change temp temporary test testing tester guest user "
    "username default master root system manager office company work computer internet network "
    "windows google apple samsung facebook instagram whatsapp microsoft linux ubuntu oracle "
    "cisco android iphone youtube amazon love iloveyou loveyou forever always friend friends "
    "family mother father baby angel princess prince queen king sweet sweetheart darling honey "
    "beautiful sunshine flower rainbow butterfly summer winter spring autumn monday tuesday "
    "wednesday thursday friday saturday sunday january february march april may june july "
    "august september october november december happy lucky money dragon monkey tiger lion "
    "eagle wolf shadow ninja killer superman batman spiderman pokemon starwars matrix hunter "
    "ranger knight warrior soldier phoenix thunder diamond silver golden gold football baseball "
    "basketball soccer hockey tennis golf liverpool arsenal chelsea barcelona realmadrid "
    "juventus manchester united city madrid milan london paris berlin shanghai beijing china "
    "america germany france england mercedes ferrari porsche toyota yamaha honda harley charlie "
    "michael jordan jessica ashley daniel thomas andrew joshua matthew robert george william "
    "david michelle nicole jennifer maggie buster ginger pepper cookie chocolate banana orange "
    "purple black white green yellow blue red coffee cheese pizza freedom trustno trust nothing "
    "whatever number one two three four five six seven eight nine zero first second secure "
    "security safe admin123 woaini aini woaiwo nihao jesus christ jesuschrist blessed heaven "
    "god allah abc qwe asd zxc qaz wsx edc rfv zaq xsw cde vfr the and you my is are for not "
    "new old big".split()
)
# The alphabet, the digits, and rows and columns of keyboards, in both directions.
_WALKS = (
    "abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop",
    "yxcvbnm", "azertyuiop", "qsdfghjklm", "wxcvbn", "!@#$%^&*()", "!\"§$%&/()=", "1qaz", "2wsx",
    "3edc", "4rfv", "5tgb", "6yhn", "7ujm", "8ik,", "9ol.", "147258369", "159357", "963852741",
)  # fmt: skip
_WALKED = frozenset(
    piece
    for row in _WALKS
    for way in (row, row[::-1])
    for start in range(len(way))
    for end in range(start + 3, len(way) + 1)
    for piece in (way[start:end],)
)
_YEAR = re.compile(r"(19|20)\d\d")
_LOOKALIKES = [
    str.maketrans("013457@$!|", letters) for letters in ("oieastasii", "oleastasll")
]  # "passw0rd" is no better than "password"


class PoorPasswordError(Spoken, ValueError):
    pass


def check(password: str, context: Iterable[str] = (), *, chars_min: int = CHARS_ALONE_MIN) -> None:
    """Raise PoorPasswordError for a password that is too short, too long or easily guessed.

    `context` has related words, such as the names of the event and the user.
    """
    if not chars_min <= len(password) <= CHARS_MAX:
        raise PoorPasswordError(
            N_("A password has %(least)s to %(most)s characters."), least=chars_min, most=CHARS_MAX
        )
    words = _COMMON | {part for text in (*CONTEXT, *context) for part in _parts(text)}
    plain = unicodedata.normalize("NFKC", password).casefold()
    texts = {plain, *(plain.translate(table) for table in _LOOKALIKES)}
    if texts & _known() or min(_pieces(text, words) for text in texts) < PIECES_MIN:
        raise PoorPasswordError(
            N_(
                "This password is too easy to guess: it consists of common words, names, "
                "years or rows of keys. Choose four unrelated words, for example."
            )
        )


def _parts(text: str) -> set[str]:
    plain = unicodedata.normalize("NFKC", text).casefold()
    words = re.findall(r"[^\W_]+", plain)
    return {word for word in (*words, "".join(words)) if len(word) >= 2}


def _pieces(text: str, words: frozenset[str]) -> int:
    """Return how few pieces (known words, keyboard rows, years, single characters) compose a text.
    A repetition counts as one more.
    """
    for length in range(1, len(text) // 2 + 1):
        if (text[:length] * (len(text) // length + 1))[: len(text)] == text:
            return _fewest(text[:length], words) + 1
    return _fewest(text, words)


def _fewest(text: str, words: frozenset[str]) -> int:
    fewest = [0]
    for end in range(1, len(text) + 1):
        best = fewest[end - 1] + 1
        for start in range(max(0, end - PIECE_CHARS_MAX), end - 1):
            if fewest[start] + 1 < best and _is_piece(text[start:end], words):
                best = fewest[start] + 1
        fewest.append(best)
    return fewest[-1]


def _is_piece(part: str, words: frozenset[str]) -> bool:
    return (
        part in words or part in _WALKED or len(set(part)) == 1 or _YEAR.fullmatch(part) is not None
    )


@cache
def _known() -> frozenset[str]:
    """Return the 30,000 most common passwords of published breaches (from zxcvbn)."""
    # slow to load
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    return frozenset(FREQUENCY_LISTS["passwords"])

"""Every message that may reach a page is marked, and translated to Chinese with the same fields.

A new message in plain text is reported with its file and line.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

import badges as badges_package
import server as server_package
from tests.server.web.language import pseudo
from tests.sources import nodes, tree

ROOT = Path(server_package.__file__).parent.parent
BADGES = Path(badges_package.__file__).parent
CHINESE = ROOT / "server/translations/zh_Hans/LC_MESSAGES/server.po"
# Every catalogue in Chinese: of the server's pages, of the doors' screens, and of both.
CATALOGUES = (
    CHINESE,
    ROOT / "kiosk/screen/translations/zh_Hans/LC_MESSAGES/kiosk.po",
    BADGES / "translations/zh_Hans/LC_MESSAGES/badges.po",
)
# A country has one name in Chinese, which includes regions; 国家机关 are a state's authorities.
OTHER_COUNTRY = re.compile("国家(?!或地区|机关)|国别|国籍")
FIELD = re.compile(r"%\((\w+)\)[sd]")

# Every text with words in these may be on a page, except commands.
SPEAKING = (
    "badges/roster", "badges/printing", "badges/settings_check.py", "server/core/alerts",
    "server/core/edits", "server/core/entry_log", "server/core/kiosks", "server/core/muster",
    "server/core/occupancy", "server/core/people", "server/core/programme", "server/core/staff",
    "server/core/venue", "server/core/event/served.py", "server/features/attendees",
    "server/features/backup/disks.py", "server/features/backup/pages.py", "server/features/board",
    "server/features/certificate/pages.py",
    "server/features/cards", "server/features/desk/pages", "server/features/editing",
    "server/features/evidence/pages", "server/features/find", "server/features/halls",
    "server/features/imports",
    "server/features/integrations/pages", "server/features/integrations/endpoints.py",
    "server/features/integrations/tokens.py", "server/features/kiosks",
    "server/features/mail/pages",
    "server/features/muster", "server/features/phone", "server/features/printers",
    "server/features/privacy", "server/features/programme", "server/features/protocol",
    "server/features/records", "server/features/rehearsal", "server/features/reports",
    "server/features/start", "server/features/users", "server/web/about.py",
    "server/web/alerts.py", "server/web/forms.py", "server/web/lists.py",
)  # fmt: skip
# Functions whose texts are marked, or contain no words for people.
MARKING = {"N_", "Phrase", "counted", "gettext", "ngettext", "_"}
NO_WORDS = {
    "execute", "executemany", "getLogger", "debug", "info", "warning", "error", "exception",
    "compile", "fullmatch", "match", "sub", "split", "strftime", "open", "encode",
}  # fmt: skip
# Names of files, addresses and templates, as headers and Flask have them.
NAMING = re.compile(r"filename=|\.(pdf|png|html)$|^/admin/|^view:")
SQL = re.compile(
    r"\b(SELECT|INSERT|UPDATE|DELETE|FROM|WHERE|ORDER BY|VALUES|AND|LIMIT|SET|JOIN)\b|\(\?, \?\)"
)
# Files whose texts with several words are on no page, with the reason.
ELSEWHERE = {
    "badges/printing/look.py": "pictures as SVG",
    "badges/printing/qr.py": "pictures as SVG, and faults of this program",
    "badges/roster/columns.py": "an example of a mapping's line",
    "badges/roster/mapping.py": "mappings, which the command line alone reads",
    "server/core/alerts/operations.py": "what `hallkeeper status` reports, in English",
    "server/core/edits/acts_told.py": "acts as files have them",
    "server/core/kiosks/addresses.py": "addresses of servers, which the command line alone sets",
    "server/core/entry_log/receipts.py": "receipts, which are in English",
    "server/core/kiosks/contact.py": "columns of a statement",
    "server/features/mail/addresses.py": "ends of sentences that sending.py marks",
    "server/core/people/cards.py": "a card, which has both languages",
    "server/features/printers/drivers/brother.py": "faults of this program",
    "server/features/privacy/export.py": "a page that has both languages",
    "server/app/new_event.py": "new events, which the command line alone makes",
    "server/features/imports/sample.py": "comments of sample files, which are in English",
    "server/features/imports/programme/exhibitors.py": "what a code is made from",
    "server/features/imports/programme/mapping.py": "mappings, which the command line alone reads",
    "server/features/imports/roster_import.py": "the command line's last line",
    "server/core/staff/signing_in.py": "names of counters",
    "server/features/users/account.py": "names of counters",
    "server/web/forms.py": "an error that is caught where it is raised",
    "server/features/reports/pages/inside.py": "HTML, which has no words of its own",
    "server/features/muster/pages/paper.py": "HTML, whose words are marked one by one",
}


def files(*rooms: str) -> list[Path]:
    paths = [ROOT / room for room in rooms]
    python_files = (
        file for path in paths for file in (path.rglob("*.py") if path.is_dir() else [path])
    )
    return sorted(
        file for file in python_files if "commands" not in file.relative_to(ROOT).as_posix()
    )


def having(pattern: str, among: Iterable[Path]) -> Iterator[Path]:
    """Yield the files whose text matches. A search is ten times as fast as parsing."""
    wanted = re.compile(pattern)
    return (file for file in among if wanted.search(file.read_text("utf-8")))


def place(file: Path, node: ast.expr) -> str:
    return f"{file.relative_to(ROOT).as_posix()}:{node.lineno}"


def called(node: ast.AST) -> str:
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


@cache
def spoken() -> frozenset[str]:
    """Names of all errors shown in the reader's language, by their base classes."""
    bases: dict[str, set[str]] = {}
    for file in having(r"\bclass\s+\w+\s*\(", files("badges", "server")):
        for node in nodes(file, ast.ClassDef):
            names = {getattr(base, "id", getattr(base, "attr", "")) for base in node.bases}
            bases.setdefault(node.name, set()).update(names)
    classes = {"Spoken"}
    while new := {name for name, its in bases.items() if its & classes} - classes:
        classes |= new
    return frozenset(classes)


def texts_of(node: ast.expr) -> Iterator[ast.expr]:
    match node:
        case ast.Constant(value=str()) | ast.JoinedStr():
            yield node
        case ast.IfExp():
            yield from texts_of(node.body)
            yield from texts_of(node.orelse)
        case ast.BinOp():
            yield from texts_of(node.left)
            yield from texts_of(node.right)
        case ast.List() | ast.Tuple():
            for element in node.elts:
                yield from texts_of(element)


def is_words(node: ast.expr) -> bool:
    """Return whether a plain text contains words, and is not only a name or a code."""
    if isinstance(node, ast.Constant):
        text = str(node.value)
    else:
        assert isinstance(node, ast.JoinedStr)
        parts = (part.value for part in node.values if isinstance(part, ast.Constant))
        text = " ".join(map(str, parts))
    return re.search(r"[A-Za-z]{2,}[^A-Za-z]* [^A-Za-z]*[A-Za-z]{2,}", text) is not None


# These stay in English: they are for the operator, and appear on no page.
ENGLISH_ALONE = (
    "server/cli", "server/demo", "server/app", "server/features/certificate",
    "server/features/servers",
    "server/features/imports/programme/mapping.py",
    "server/core/event/directory.py", "server/core/event/lock.py", "server/core/event/settings.py",
    "server/features/backup/restore.py", "server/features/mail/addresses.py",
    "server/features/mail/bounces.py", "server/features/integrations/interface",
    "badges/wire/servers.py", "server/core/kiosks/addresses.py", "server/storage/postgresql",
    "server/features/evidence/witnesses/witness.py",
)  # fmt: skip


def test_errors_that_people_read_are_marked() -> None:
    wrong = []
    for file in having(rf"\b(?:{'|'.join(spoken())})\b", files("badges", "server")):
        name = file.relative_to(ROOT).as_posix()
        if name.startswith(ENGLISH_ALONE):
            continue
        for node in nodes(file, ast.Call):
            if called(node) in spoken():
                plain = [text for each in node.args for text in texts_of(each) if is_words(text)]
                wrong += [place(file, text) for text in plain]
    assert wrong == []


def test_there_are_as_many_such_errors_as_we_know() -> None:
    """Errors on pages are written differently from others."""
    assert {
        "AccountError", "AskedError", "AttendeeError", "BackupError", "CapacityError", "CardError",
        "CellError", "ClockError", "DesignError", "EditError", "EndpointError", "EventError",
        "IssuingError", "KioskError", "MailError", "MusterError", "PersonError", "PlacesError",
        "PoorPasswordError", "PretixError", "PrintingError", "ProtocolGuestError", "RosterError",
        "RuleRefusedError", "SettingsError", "SignOnError", "TakenError", "TimeRefusedError",
        "TokenError", "UnknownAttendeeError", "ValueRefusedError", "VenueError",
    } <= spoken()  # fmt: skip


def unmarked(file: Path) -> Iterator[ast.JoinedStr]:
    """Yield the texts whose fields are words, which no language can translate."""
    stack: list[ast.AST] = [tree(file)]
    while stack:
        node = stack.pop()
        if called(node) in NO_WORDS:
            continue
        if isinstance(node, ast.JoinedStr):
            whole = "".join(
                str(value.value) for value in node.values if isinstance(value, ast.Constant)
            )
            if is_words(node) and not SQL.search(whole) and not NAMING.search(whole):
                yield node
            continue
        stack.extend(ast.iter_child_nodes(node))


@pytest.mark.parametrize("room", SPEAKING)
def test_no_sentence_is_put_together_unmarked(room: str) -> None:
    wrong = [
        place(file, node)
        for file in files(room)
        if file.relative_to(ROOT).as_posix() not in ELSEWHERE
        for node in unmarked(file)
    ]
    assert wrong == []


def test_what_is_left_out_has_a_reason() -> None:
    """A file without such texts is not left out."""
    unneeded = {name for name in ELSEWHERE if not list(unmarked(ROOT / name))}
    assert unneeded - {"server/features/mail/addresses.py", "badges/roster/columns.py"} == set()


def test_pages_say_errors_in_the_language_of_the_page() -> None:
    """Messages to other machines, and the log, are in English. Codes are not words."""
    machines = ("server/features/integrations/interface", "server/features/wallet")
    wrong = []
    for file in having(
        r"\bstr\s*\(\s*(?:error|problem|why)\b", files("server/web", "server/features")
    ):
        no_page = "import flask" not in file.read_text() and "from flask" not in file.read_text()
        if no_page or file.relative_to(ROOT).as_posix().startswith(machines):
            continue
        for node in nodes(file, ast.Call):
            if called(node) == "str" and node.args:
                first = node.args[0]
                if isinstance(first, ast.Name) and first.id in ("error", "problem", "why"):
                    wrong.append(place(file, node))
    assert [line.split(":")[0] for line in wrong] == list(CODES)


# This error holds a word for the page, which translates it.
CODES = ("server/features/records/entries.py",)


def test_a_phrase_is_made_of_one_text() -> None:
    """The catalogues take each text from its place. They can't choose between two."""
    wrong = []
    for file in having(r"\b(?:Phrase|N_|counted)\b", pseudo.sources()):
        if file == BADGES / "i18n.py":
            continue
        for node in nodes(file, ast.Call):
            if called(node) not in ("Phrase", "N_", "counted"):
                continue
            if not isinstance(
                node.args[0], ast.Constant | ast.Name | ast.Subscript | ast.Attribute
            ):
                wrong.append(place(file, node))
    assert wrong == []


def test_chinese_has_the_same_fields() -> None:
    with CHINESE.open("rb") as stream:
        messages = [message for message in read_po(stream) if message.id]
    wrong = []
    for message in messages:
        ids, translations = (
            [text] if isinstance(text, str) else list(text) for text in (message.id, message.string)
        )
        fields = {field for text in ids for field in FIELD.findall(text)}
        wrong += [text for text in translations if set(FIELD.findall(text)) != fields]
    assert wrong == []
    assert len(messages) > 2500


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=lambda path: path.stem)
def test_a_country_has_one_name_in_chinese(catalogue: Path) -> None:
    with catalogue.open("rb") as stream:
        messages = [message for message in read_po(stream) if message.id]
    translations = [
        text
        for message in messages
        for text in ([message.string] if isinstance(message.string, str) else message.string)
    ]
    assert [text for text in translations if OTHER_COUNTRY.search(text)] == []
    assert len(translations) > 100

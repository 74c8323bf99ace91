"""Prints how plain the docstrings are (`python -m tests.docstrings`, and `--list` for the others).

Two shares count. The first line begins with a verb: in the imperative ("Read …"), or in the third
person of a class or a module ("Reads …"). And the first paragraph has no semicolon and no colon,
which most often glue two sentences into a riddle.
"""

import argparse
import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
PACKAGES = ("badges", "kiosk", "server")

# The verbs that docstrings here begin with, in their base form. A word that is also a noun
# ("answer", "note") is here where we use it as a verb.
VERBS = frozenset(
    """
    accept account act add admit advance allow annul answer append apply arrange ask assert
    attach await back bar be become begin bind block book bound break bring build call cancel
    carry cast catch change charge check choose clean clear click close collect combine come
    commit compare compile complete compute confirm connect consist contain continue convert
    copy correct count cover create credit cross cut deal decide declare decode decrypt define
    delete deliver deny derive describe destroy detach detect determine disable discard dispatch
    divide do draw drive drop emit enable encode encrypt end enlarge enrol enter erase escape
    estimate evaluate even expect explain export express extend extract fail fence fetch fill
    filter find finish fit flatten flush fold follow forget form format free freeze gather
    generate get give go grab grant group guard guess hand handle hash have hear help hide hold
    identify ignore import improve include increase index infer inform init insert install
    invalidate invite issue iterate join judge keep know label lay lead learn leave lend let lie
    limit link list listen live load lock log look lower make manage map mark match mean measure
    meet mend merge migrate move name narrow note notify number obey offer open order pack pad
    paint parse pass pause perform pick place plan play point post prepare present preserve
    prevent print process produce prompt protect prove provide prune publish pull push put raise
    read rebuild recall receive recognise record recover redirect reduce refuse register
    reinstate reject relay release remember remove rename render renew repeat replace replay
    reply report represent request require reserve reset resize resolve respond rest restore
    retire return reveal revoke rewrite roll rotate round run sample save say scale scan
    schedule score seal search see select send separate serve set settle share sharpen shift
    show shut sign sit skip sleep smooth sort speak split stand start state stay stop store
    stream strip subscribe suggest sum supply suppress swap switch take talk tell test throw
    track train translate treat trust try turn type understand undo unlock unpack unwarp update
    upload use validate verify wait wake walk want warn watch wipe wish withdraw work wrap write
    yield
    """.split()
)
IRREGULAR = {"has": "have", "does": "do", "goes": "go", "is": "be", "are": "be"}


class Docstring(NamedTuple):
    where: str  # file:line name
    first_word: str
    paragraph: str

    @property
    def begins_with_a_verb(self) -> bool:
        word = self.first_word.lower()
        forms = {word, IRREGULAR.get(word, word), word.removesuffix("s"), word.removesuffix("es")}
        if word.endswith("ies"):
            forms.add(word[:-3] + "y")
        return bool(forms & VERBS)

    @property
    def is_glued(self) -> bool:
        """Whether a semicolon or a colon stands in its first paragraph, outside code."""
        bare = re.sub(r"`[^`]*`|“[^”]*”|\"[^\"]*\"|\bhttps?:\S+|\d:\d", "", self.paragraph)
        return ";" in bare or ":" in bare


def docstrings(*packages: str) -> Iterator[Docstring]:
    """Every docstring of the packages, in the order of their files."""
    for package in packages:
        for path in sorted((ROOT / package).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for node in ast.walk(tree):
                if not isinstance(
                    node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
                ):
                    continue
                text = ast.get_docstring(node)
                if not text:
                    continue
                name = getattr(node, "name", "(file)")
                place = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)} {name}"
                words = re.sub(r"^`[^`]*`[:,]? *", "", text.split("\n\n")[0]).split()
                first = re.sub(r"\W", "", words[0]) if words else ""
                yield Docstring(place, first, text.split("\n\n")[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--list", action="store_true", help="name those that are not plain")
    parser.add_argument("packages", nargs="*", default=PACKAGES)
    options = parser.parse_args()
    found = list(docstrings(*options.packages))
    verbs = sum(one.begins_with_a_verb for one in found)
    glued = sum(one.is_glued for one in found)
    if options.list:
        for one in found:
            faults = [] if one.begins_with_a_verb else [f"begins with {one.first_word!r}"]
            faults += ["glued"] if one.is_glued else []
            if faults:
                sys.stdout.write(f"{one.where}: {', '.join(faults)}\n")
    count = max(1, len(found))
    sys.stdout.write(
        f"{len(found)} docstrings; {100 * verbs / count:.1f} % begin with a verb; "
        f"{100 * glued / count:.1f} % have a semicolon or a colon in their first paragraph\n"
    )


if __name__ == "__main__":
    main()

import unicodedata
from collections.abc import Sequence

from badges.i18n import Count, Phrase
from badges.printing import fonts
from badges.roster.countries import country_name
from badges.roster.problems import Finding, shown
from badges.roster.rows import RosterRow

_JOINERS = "\u200c\u200d"


def undrawable(rows: Sequence[RosterRow]) -> Finding | None:
    """Report people whose cards have characters that no installed font has.

    Each distinct character is looked up once, which is fast for 100,000 people.
    """
    texts = {text for row in rows for text in _texts(row) if not text.isascii()}
    chars = set().union(*texts)
    joining = {char for char in chars if unicodedata.category(char)[0] == "M" or char in _JOINERS}
    missing = set(fonts.families_for(chars - joining, "")[1])
    # A mark is drawn together with its letter, so one font must have both.
    if joining:
        missing |= set(fonts.families_for(filter(joining.intersection, texts), "")[1])
    if not missing:
        return None
    examples = []
    lacking: set[str] = set()
    for row in rows:
        undrawn = sorted({char for text in _texts(row) for char in text} & missing)
        if undrawn:
            lacking.update(undrawn)
            which = ", ".join(f"{shown(char)} (U+{ord(char):04X})" for char in undrawn)
            name = shown(f"{row.given_name} {row.family_name}".strip())
            examples.append(
                Phrase("line %(line)s, %(name)s: %(which)s", line=row.line, name=name, which=which)
            )
    packages = " ".join(sorted({fonts.package_for(char) for char in lacking}))
    return Finding(
        "undrawable",
        len(examples),
        Phrase(
            "people with characters that no installed font draws: %(count)s. Before "
            "printing install fonts that have them (on Debian try %(packages)s), or "
            "take them out of the roster",
            count=Count(len(examples)),
            packages=packages,
        ),
        tuple(examples),
    )


def _texts(row: RosterRow) -> tuple[str, ...]:
    country = country_name(row.country)
    return (
        row.given_name, row.family_name, row.latin_name, row.job_title, row.organisation, country,
    )  # fmt: skip

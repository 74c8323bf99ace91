"""Describes the subjects of acts in the page's language, with words for the log's short codes."""

from collections.abc import Mapping

from badges.i18n import N_
from server.core.edits.words import LABELS
from server.core.entry_log.act_words import Names
from server.core.entry_log.entry_log import Subject
from server.core.event.retention import CLOCKS
from server.web import display, i18n
from server.web.feature import features

VALUES: Mapping[str, Mapping[str, str]] = {
    "answer": {"invited": N_("invited"), "refused": N_("refused"), "neither": N_("neither")},
    "clock": {kind: clock.words for kind, clock in CLOCKS.items()},
    "columns": {
        **LABELS,
        "capacity_by": N_("who set the capacity"),
        "colours": N_("colours"),
        "kind": N_("kind"),
        "latin_name": N_("name in Latin letters"),
        "lead": N_("hosts"),
        "other_names": N_("other names"),
        "speakers": N_("speakers"),
    },
    "factor": {
        "app": N_("a code from an authenticator app"),
        "passkey": N_("a passkey"),
        "recovery code": N_("a recovery code"),
        "recovery codes": N_("recovery codes"),
        "the identity provider": N_("the identity provider"),
    },
    "names": {"yes": N_("yes")},
    "reason": {
        "changed": N_("Name or organisation changed"),
        "conduct": N_("Conduct"),
        "damaged": N_("Damaged or unreadable"),
        "first": N_("First badge"),
        "lost": N_("Lost"),
        "merged": N_("Two entries of one person"),
        "misprint": N_("Misprinted"),
        "mistake": N_("Registered by mistake"),
        "not_on_roster": N_("Not on the roster any more"),
        "security": N_("Security"),
        "settled": N_("The matter is settled"),
        "stolen": N_("Stolen, or in the wrong hands"),
        "withdrawn": N_("Registration withdrawn"),
    },
    "role": display.ROLES,
    "state": {"open": N_("open"), "seen": N_("seen"), "settled": N_("settled")},
}
_AFTER_COLON = "：，、（"  # no space follows these
_AT_THE_END = " ,:，：、"


def about(names: Names, act: str, subject: Subject) -> str:
    values = {**VALUES}
    for feature in features():
        values |= feature.act_values
    text = " ".join(i18n.said(piece) for piece in names.pieces(act, subject, values))
    for sign in _AFTER_COLON:
        text = text.replace(f"{sign} ", sign)
    return text.rstrip(_AT_THE_END)

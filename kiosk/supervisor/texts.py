"""Texts for supervisors at a door: reasons to choose from, and refusals.

English, marked by `N_` for the catalogues. Names in braces: name (of the supervisor), why, time,
tries, minutes.
"""

from collections.abc import Mapping

from badges.admission.phrases import Explanation, Language, Tone
from badges.i18n import N_
from kiosk.texts.catalogue import say

OTHER = "other"  # the only reason that needs a note

OVERRIDE_REASONS: Mapping[str, str] = {
    "invited_by_host": N_("invited by the host"),
    "badge_lost": N_("badge lost"),
    "category_wrong": N_("wrong category on the badge"),
    "vip": N_("VIP"),
    OTHER: N_("another reason"),
}
ANNUL_REASONS: Mapping[str, str] = {
    "nobody_passed": N_("no one passed"),
    "wrong_person": N_("the wrong person"),
    "by_mistake": N_("scanned by mistake"),
    OTHER: N_("another reason"),
}

_OVERRIDE = N_("Admitted by {name}: {why}")
_BESIDE = N_("{first} · {second}")  # first the notice for staff, then the supervisor
_ANNULLED = N_("ANNULLED")
_ANNUL = N_("The entry of {time} does not count. {name}: {why}")
_ANNUL_NEXT = N_("The holder may enter again")
_WITH_NOTE = N_("{reason}: {note}")

REFUSALS: Mapping[str, str] = {
    "wrong_pin": N_("Wrong PIN. Tries left: {tries}."),
    "pin_locked": N_("Too many wrong PINs. Try again in {minutes} min."),
    "not_unlocked": N_("A supervisor must enter a PIN first."),
    "nothing_to_override": N_("No denial is left to override. Show the badge again."),
    "not_overridable": N_("This can't be overridden. Send the holder to the badge desk."),
    "no_place": N_("The legal limit is reached. Admit no one until a person leaves."),
    "resting": N_("The shift has ended. Resume it first."),
    "kiosk_retired": N_("This kiosk is retired. Use another door."),
    "nothing_to_annul": N_("There is no admission here to annul."),
    "not_last": N_("Only the last admission at this door can be annulled."),
    "already_over": N_("This admission was annulled already, or the holder has left."),
    "too_late": N_("Only within 15 minutes. Record an exit instead."),
    "reason_missing": N_("Choose a reason, or write one."),
    "point_missing": N_("Enter the assembly point, at most 30 characters."),
    "note_too_long": N_("The reason is longer than 200 characters."),
    "no_server": N_("This needs the server, which can't be reached now."),
    "too_many": N_(
        "Too many look-ups from this kiosk. Wait some minutes, or ask at the badge desk."
    ),
    "moved_often": N_("This kiosk was moved too often. Wait an hour, or ask an admin."),
    "not_a_supervisor": N_("You are no longer a supervisor on the server. Ask an admin."),
    "look_up_first": N_("Look the person up again first."),
    "one_way": N_("This door serves one direction only."),
    "no_such_door": N_("This door no longer exists. Reload the list."),
    "not_ready": N_("This kiosk has no data from the server yet. Check the network."),
    "bad_request": N_("This could not be read. Try again."),
    "failed": N_("This could not be done. Nothing was changed. Tell an admin."),
}


class SupervisorError(Exception):
    """A supervisor's request is refused. `code` is a key of `REFUSALS`, and `fields` are its
    numbers.
    """

    def __init__(self, code: str, **fields: int) -> None:
        super().__init__(code)
        self.code = code
        self.fields = fields

    def message(self, language: Language) -> str:
        return say(language, REFUSALS[self.code], **self.fields)


def why_in(reasons: Mapping[str, str], note: str, language: Language) -> str:
    """Translate a recorded reason: a key, a key with a note, or a note alone."""
    key, _, more = note.partition(": ")
    if key not in reasons:
        return note
    words = say(language, reasons[key])
    return say(language, _WITH_NOTE, reason=words, note=more) if more else words


def override_words(
    language: Language, explanation: Explanation, tone: Tone, name: str, note: str
) -> Explanation:
    """The texts of an override. `explanation` has other notices about the holder."""
    why = why_in(OVERRIDE_REASONS, note, language)
    reason = say(language, _OVERRIDE, name=name, why=why)
    if tone is Tone.LOOK:
        reason = say(language, _BESIDE, first=explanation.reason, second=reason)
    return Explanation(explanation.word, reason, explanation.next_step)


def annul_words(language: Language, time: str, name: str, note: str) -> Explanation:
    why = why_in(ANNUL_REASONS, note, language)
    reason = say(language, _ANNUL, time=time, name=name, why=why)
    return Explanation(say(language, _ANNULLED), reason, say(language, _ANNUL_NEXT))

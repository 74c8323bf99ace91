"""The desk's errors and plans in the page's language."""

from badges.categories import CategoryPlan
from server.core.people.issuing import REISSUE_REASONS
from server.features.desk.submissions import Kind, Submission, Why
from server.features.desk.undo import Does
from server.features.printers.pages.words import JOB_STATES, PROBLEMS, STATES
from server.features.printers.states import JobState, PrinterState, Problem
from server.storage.localized import text_in
from server.web import i18n
from server.web.about import VALUES
from server.web.i18n import gettext as _

_REASONS = VALUES["reason"]


def why(reason: Why) -> str:
    if reason in _WHY_NOT_UNDONE:
        return _WHY_NOT_UNDONE[reason]()
    return {
        Why.DESK_NAME: _("A desk's name has 1 to 24 letters or digits. Choose a short one."),
        Why.OLD_FORM: _("This page is too old. Open it again, and then send it."),
        Why.REVOKED: _("This badge is revoked. Only an admin can reinstate it: send for one."),
        Why.NO_BADGE: _("There is no badge yet. Print it first: that issues it."),
        Why.NO_REASON: _("Choose why there is a new badge."),
        Why.NO_NAME: _("A name is needed. Fill in one of the two name fields."),
        Why.NO_CATEGORY: _("A category is needed. Choose one."),
        Why.EMAIL_KNOWN: _(
            "Another person has this e-mail address. Open that person, or leave the address out."
        ),
        Why.CHECKED_ALREADY: _("It is noted already that an ID document was checked."),
        Why.NOT_PRINTED: _("This card is not printed yet. Print it."),
        Why.COLLECTED_ALREADY: _("This card was handed over already."),
        Why.NOT_TO_CONFIRM: _("This card is not waiting for your browser any more."),
        Why.ANSWER_FIRST: _(
            "A card of this badge may have been printed already. Confirm or deny it in the "
            "desk's list of cards, then print."
        ),
        Why.PRINTS_NOW: _(
            "The card is being printed as it was. Once it is out, do this again, and destroy "
            "that card."
        ),
        Why.PHOTO_OFF: _(
            "This event takes no photos here. An admin sets desk_photo in the event's settings, "
            "and a folder for photos in those of the cards."
        ),
        Why.PHOTO_UNREADABLE: _("This photo can't be used. Take it again."),
    }[reason]


_WHY_NOT_UNDONE = {
    Why.NOTHING_TO_UNDO: lambda: _("You have no action left to undo."),
    Why.CHANGED_SINCE: lambda: _(
        "This person has been changed since. Open the person, check, and correct by hand."
    ),
    Why.NEW_BADGE_STANDS: lambda: _(
        "A new badge can be taken back for one minute. If this one is wrong as well, issue the "
        "next."
    ),
    Why.PRINTED_STANDS: lambda: _(
        "The card is printed, or is being printed. If it must not be used, issue a new badge: "
        "that voids this one."
    ),
    Why.PHONE_STANDS: lambda: _(
        "The person who scanned the code has the badge. If that was the wrong person, issue a "
        "new badge: that voids the link."
    ),
}


def undoing(does: Does) -> str:
    return {
        Does.REVOKES: _("The badge becomes void, and its print is given up if it still waits."),
        Does.PUTS_BACK: _("The earlier data is restored. The badge stays valid."),
        Does.PUTS_BACK_AND_PRINTS: _(
            "The earlier data is restored, and the card is printed again."
        ),
        Does.PUTS_BACK_AND_REISSUES: _(
            "The earlier data is restored, and the next badge is issued and printed. The "
            "present badge becomes void."
        ),
        Does.CANCELS_PRINT: _("The card is not printed, and the badge stays valid."),
        Does.WITHDRAWS: _(
            "The earlier badge is valid again at every door, and the new one is void. Destroy the "
            "new card if it is out."
        ),
        Does.UNCOLLECTS: _("The card counts as not collected again."),
        Does.FORGETS_ID: _("The note that an ID document was checked is taken away."),
    }[does]


def submission_words(submission: Submission) -> str:
    return {
        Kind.WALK_IN: _("Registered"),
        Kind.PRINT: _("Print"),
        Kind.REISSUE: _("New badge"),
        Kind.CORRECTION: _("Corrected"),
        Kind.PHONE: _("Handed over to the phone"),
        Kind.ID_CHECKED: _("ID checked"),
        Kind.COLLECTED: _("Card handed over"),
        Kind.UNDO: _("Undone"),
    }[submission.kind]


def reasons() -> dict[str, str]:
    return {key: reason(key) for key in REISSUE_REASONS}


def reason(key: str) -> str:
    """Translate a logged reason; an unknown one stays as it is."""
    return _(_REASONS.get(key, key))


def columns() -> dict[str, str]:
    return {
        "given_name": _("Given name"),
        "family_name": _("Family name"),
        "latin_name": _("Name in Latin letters"),
        "organisation": _("Organisation"),
        "job_title": _("Job title"),
        "country": _("Country"),
        "email": _("E-mail"),
        "category": _("Category"),
    }


def job_state(state: JobState) -> str:
    return _(JOB_STATES[state][1])


def printer_state(state: PrinterState) -> str:
    return "" if state.can_print else _(STATES[state][1])


def problem(cause: Problem) -> str:
    return _(PROBLEMS[cause]) if cause in PROBLEMS else ""


def translated(text: str) -> str:
    """Translate a printer's or job's own text, if possible."""
    return i18n.said(text)


def category_name(plan: CategoryPlan | None) -> str:
    return "" if plan is None else text_in(plan.names, i18n.language()) or plan.key

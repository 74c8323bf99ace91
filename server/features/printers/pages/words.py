"""The texts for states of printers and jobs."""

from badges.i18n import N_
from server.features.printers.states import JobState, PrinterState, Problem

STATES = {
    PrinterState.UNKNOWN: ("quiet", N_("Not heard yet")),
    PrinterState.READY: ("good", N_("Ready")),
    PrinterState.PRINTING: ("good", N_("Printing")),
    PrinterState.PAPER_OUT: ("bad", N_("Paper out")),
    PrinterState.COVER_OPEN: ("bad", N_("Cover open")),
    PrinterState.OFFLINE: ("bad", N_("Offline")),
    PrinterState.ERROR: ("bad", N_("Trouble")),
}
JOB_STATES = {
    JobState.WAITING: ("quiet", N_("Waits")),
    JobState.PRINTING: ("warn", N_("Being printed")),
    JobState.DONE: ("good", N_("Printed")),
    JobState.FAILED: ("bad", N_("Not printed")),
    JobState.CANCELLED: ("quiet", N_("Given up")),
}
PROBLEMS = {
    Problem.PERHAPS_PRINTED: N_("Did the card come out? Look at the printer, then answer."),
    Problem.NOT_PRINTED: N_("The printer did not print it."),
    Problem.NOT_DRAWN: N_("The card can't be laid out with this data."),
    Problem.REPLACED: N_("The badge has been replaced. Print the new one."),
    Problem.REVOKED: N_("The badge has been revoked."),
}

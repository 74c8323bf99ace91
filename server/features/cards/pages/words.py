"""The names of the card formats."""

from badges.i18n import N_

FORMATS = {
    "a6": N_("A6 card"),
    "4x6in": N_("Card of 4 × 6 in"),
    "a4-folded": N_("A4, folded twice"),
    "a4-four": N_("Four cards on A4"),
    "86x54": N_("Card of 86 × 54 mm"),
    "4x3in": N_("Label of 4 × 3 in, black"),
    "62mm": N_("Label of 62 mm, black"),
}

"""Pagination of lists, and labels of the programme's pages."""

from dataclasses import dataclass

from flask import request

from badges.i18n import N_
from server.web.forms import whole

PAGE_ROWS = 50
PAGES_MAX = 10_000
# Roles for information that concerns the whole forum.
ROLES = ("steward", "supervisor", "badge_desk", "auditor", "protocol")
ORGANISATION_KINDS = {
    "company": N_("Company"),
    "university": N_("University"),
    "institute": N_("Institute"),
    "international": N_("International organisation"),
    "government": N_("Government department"),
    "association": N_("Association"),
    "media": N_("Media"),
    "other": N_("Other"),
}
SPEAKER_ROLES = {
    "keynote": N_("Keynote"),
    "speaker": N_("Speaker"),
    "moderator": N_("Moderator"),
    "panellist": N_("Panellist"),
}


@dataclass(frozen=True)
class Page:
    """A page of a list. `number` counts from 1."""

    number: int

    @property
    def offset(self) -> int:
        return (self.number - 1) * PAGE_ROWS

    def of(self, total: int) -> int:
        return max(1, -(-total // PAGE_ROWS))


def page_asked() -> Page:
    return Page(min(max(1, request.args.get("page", 1, type=whole)), PAGES_MAX))

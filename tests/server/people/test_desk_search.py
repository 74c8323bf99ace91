"""The one box of the badge desk, in which anything that is known of somebody is typed or scanned."""

from server.people import desk_search
from server.storage.database import Database


def test_it_works(site: Database) -> None:
    found = desk_search.find(site.reader, "anna", limit=20)
    assert [hit.name for hit in found.people] == ["Anna Keller"]
    (hit,) = found.people
    assert (hit.issue, hit.printed, hit.revoked, found.more) == (0, False, False, False)


def test_nothing_is_asked_for(site: Database) -> None:
    assert desk_search.find(site.reader, "  ", limit=20) == desk_search.Found([], more=False)

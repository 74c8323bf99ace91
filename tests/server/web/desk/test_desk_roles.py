"""Nobody but the badge desk and admins opens the desk's pages."""

from collections.abc import Iterator

import pytest

from server.event.directory import Event
from server.storage.database import Database
from tests.server.support.pages import Pages, assert_only


@pytest.fixture
def pages(event: Event, site: Database) -> Iterator[Pages]:
    with Pages(event, site) as opened:
        yield opened


def test_every_page_is_for_the_desk_alone(pages: Pages) -> None:
    with pages.app.test_request_context():
        rules = [one for one in pages.app.url_map.iter_rules() if one.endpoint.startswith("desk.")]
        allowed = {
            one.endpoint: pages.app.view_functions[one.endpoint].__dict__["allowed"]
            for one in rules
        }
    assert len(allowed) > 15
    assert {frozenset(roles) for roles in allowed.values()} == {frozenset({"badge_desk", "admin"})}


@pytest.mark.parametrize("target", ["/desk/name", "/desk/find?q=a", "/desk/walk-in", "/desk/pace"])
def test_pages(pages: Pages, target: str) -> None:
    assert_only(pages, target, "badge_desk")


@pytest.mark.parametrize("target", ["/desk/undo", "/desk/jobs/1/retry", "/desk/walk-in"])
def test_forms(pages: Pages, target: str) -> None:
    assert_only(pages, target, "badge_desk", method="POST")


def test_the_desk_begins_at_the_desk(pages: Pages) -> None:
    assert pages.staff("badge_desk").get("/").location == "/desk/"

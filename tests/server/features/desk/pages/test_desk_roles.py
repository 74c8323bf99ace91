"""Only the badge desk and admins open the desk's pages."""

from server.core.event.directory import Event
from server.storage.database import Database
from tests.server.support.pages import Pages, assert_only


def test_every_page_is_for_the_desk_alone(shown: Pages) -> None:
    with shown.app.test_request_context():
        rules = [
            rule for rule in shown.app.url_map.iter_rules() if rule.endpoint.startswith("desk.")
        ]
        allowed = {
            rule.endpoint: shown.app.view_functions[rule.endpoint].__dict__["allowed"]
            for rule in rules
        }
    assert len(allowed) > 15
    assert {frozenset(roles) for roles in allowed.values()} == {frozenset({"badge_desk", "admin"})}


def test_who_may_search(event: Event, site: Database) -> None:
    with Pages(event, site) as pages:
        assert_only(pages, "/desk/find?q=a", "badge_desk")


def test_the_desk_begins_at_the_desk(shown: Pages) -> None:
    assert shown.staff("badge_desk").get("/").location == "/desk/"

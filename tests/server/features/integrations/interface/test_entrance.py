"""No value that an integration sends ends in a program's error, or stays in a text that is not
whole.
"""

import itertools
import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from werkzeug.test import TestResponse

from server.core.people import attendees
from server.features.integrations.interface import people, routes
from server.features.integrations.interface.interface import ROUTES
from server.features.integrations.interface.routes import Route
from tests.server.support import hostile
from tests.server.support.integrations import Integration, integration
from tests.server.support.pages import Pages

prepare = Pages.issue  # for every attendee

PERSON = {
    "given_name": "José", "family_name": "Prat", "latin_name": "Jose Prat",
    "organisation": "Prat & Co", "job_title": "Editor", "country": "ES", "email": "NUMBER@prat.es",
    "phone": "+34 1", "order_number": "N1", "external_id": "NUMBER", "language": "en",
    "category": "delegate", "days": [1, 2],
}  # fmt: skip
# For each type of body a sample with all of its fields. NUMBER is another one in each request, as
# no two people have one address.
SAMPLES: dict[type, dict[str, Any]] = {
    people.NewPerson: {**PERSON, "issue_badge": True},
    people.PersonChange: PERSON,
    people.Reissue: {"reason": "lost", "issue": 1},
    people.Revoke: {"reason": "conduct"},
}
ADDRESSED = [
    "%00", "%ED%A0%80", "%FF", "Jose%CC%81", "-1", "9" * 30, "9223372036854775808", "%D9%A3",
    "1e400", "NaN", "0001-01-01", "x" * 5_000, "..%2F..", "a%0D%0Ab", "%EF%BC%91",
]  # fmt: skip


@pytest.fixture
def asker(pages: Pages) -> Integration:
    """It has asked already, since the first request of a minute is noted."""
    asker = integration(pages)
    assert asker.ask("GET", "/api/v1/halls").status_code == 200
    return asker


@pytest.fixture(autouse=True)
def _as_often_as_it_likes(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = "server.features.integrations.interface.routes.limits"
    monkeypatch.setattr(limits, lambda: type("Unlimited", (), {"wait_s": lambda *_: 0})())


@pytest.fixture
def numbers() -> Iterator[str]:
    return (f"n{number}" for number in itertools.count())


@pytest.fixture
def badge(pages: Pages) -> str:
    """The badge number of one person."""
    return attendees.attendee(pages.database.reader, pages.serial("A1")).number


def path_of(route: Route, badge: str) -> str:
    return "/api/v1" + route.path.replace("<badge>", badge).replace("<number>", "0")


class Watch:
    """Compares the database before and after each request that is refused."""

    def __init__(self, pages: Pages) -> None:
        self._tables = hostile.Tables(pages.database)
        self._before = self._tables.rows()
        self.faults: list[str] = []

    def take(self, what: str, answer: TestResponse) -> None:
        after = self._tables.rows()
        if answer.status_code >= 500:
            self.faults.append(f"{what}: {answer.status_code}")
        elif answer.status_code >= 400:
            is_problem = answer.mimetype == "application/problem+json"
            if not is_problem or not answer.json["detail"].endswith("."):
                self.faults.append(f"{what}: no sentence")
            if after != self._before:
                self.faults.append(f"{what}: data changed")
        self._before = after


def sample_of(route: Route, number: str) -> Any:
    if route.body is None:
        return None
    return json.loads(json.dumps(SAMPLES[route.body]).replace("NUMBER", number))


def addresses(route: Route, badge: str, value: str) -> Iterator[str]:
    path = path_of(route, badge)
    yield f"{path}?{value}={value}"
    for item in msgspec.structs.fields(route.query):
        yield f"{path}?{item.encode_name}={value}"
    for variable in ("<badge>", "<number>"):
        if variable in route.path:
            yield "/api/v1" + route.path.replace(variable, value)


def test_every_route_of_the_interface_is_swept(pages: Pages) -> None:
    """A new type of body needs a sample, and a route needs to be in the list."""
    for route in ROUTES:
        if route.body is not None:
            names = {item.encode_name for item in msgspec.structs.fields(route.body)}
            assert names == SAMPLES[route.body].keys(), route.name
    served = {
        rule.endpoint for rule in pages.app.url_map.iter_rules() if rule.rule.startswith("/api/v1/")
    }
    assert served == {f"interface.{route.name}" for route in ROUTES}


def test_the_samples_are_taken(
    pages: Pages, asker: Integration, badge: str, numbers: Iterator[str]
) -> None:
    """Otherwise the sweep would only meet the first refusal."""
    for route in ROUTES:
        if route.body is not None:
            body = sample_of(route, next(numbers))
            answer = asker.ask(route.method, path_of(route, badge), json=body)
            assert answer.status_code < 300, (route.name, answer.text)


@pytest.mark.parametrize("kind", hostile.VALUES)
def test_no_body_fails_at_any_value(
    pages: Pages, asker: Integration, badge: str, numbers: Iterator[str], kind: str
) -> None:
    watch, turn = Watch(pages), list(hostile.VALUES).index(kind)
    for route in ROUTES:
        if route.body is None:
            continue
        for place, body in hostile.bodies(SAMPLES[route.body], hostile.VALUES[kind], turn):
            answer = asker.ask(
                route.method,
                path_of(route, badge),
                data=body.replace(b"NUMBER", next(numbers).encode()),
                content_type="application/json",
            )
            watch.take(f"{route.name} {place}", answer)
    assert not watch.faults
    assert not hostile.texts_not_whole(hostile.Tables(pages.database).rows())


@pytest.mark.parametrize("value", ADDRESSED, ids=lambda value: value[:20])
def test_no_address_fails_at_any_value(
    pages: Pages, asker: Integration, badge: str, numbers: Iterator[str], value: str
) -> None:
    watch = Watch(pages)
    for route in ROUTES:
        for address in addresses(route, badge, value):
            answer = asker.ask(route.method, address, json=sample_of(route, next(numbers)))
            watch.take(f"{route.name} {address}", answer)
    assert not watch.faults
    assert not hostile.texts_not_whole(hostile.Tables(pages.database).rows())


class Said(msgspec.Struct):
    """A body or an address with one text."""

    text: str


def test_a_view_gets_whole_text(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every route's view is called by `run`."""
    monkeypatch.setattr(routes, "_authorize", lambda route: None)
    given: list[Said] = []
    route = Route(
        "POST", "/said", "", "", lambda *said: given.extend(said), Said, query=Said, body=Said
    )  # fmt: skip
    with pages.app.test_request_context(
        "/said?text=Jose%CC%81%00",
        method="POST",
        data=rb'{"text": "Jose\u0301\u0000"}',
        content_type="application/json",
    ):
        routes.run(route)
    assert given == [Said("José"), Said("José")]

"""The interface for integrations: tokens, scopes, limits, and each route's answers."""

import msgspec
import pytest

from server.core.people import attendees
from server.core.programme.guests import await_guests
from server.features.evidence.verify_receipt import verify_receipt
from server.features.integrations import tokens
from server.features.integrations.interface import rates
from server.features.integrations.interface.interface import ROUTES
from server.web.services import services_of
from tests.server.conftest import HOUR
from tests.server.support.integrations import Integration, integration
from tests.server.support.pages import Pages, acts

prepare = Pages.issue  # for every attendee


@pytest.fixture
def asker(pages: Pages) -> Integration:
    return integration(pages)


def path_of(pages: Pages, path: str) -> str:
    number = attendees.attendee(pages.database.reader, pages.serial("A1")).number
    return "/api/v1" + path.replace("<badge>", number).replace("<number>", "0")


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_no_route_answers_without_a_token_that_stands(pages: Pages, route) -> None:
    path = path_of(pages, route.path)
    stranger = pages.app.test_client(use_cookies=False)
    for headers in ({}, {"Authorization": "Bearer hkt_nobody"}, {"Authorization": "Basic YTpi"}):
        answer = stranger.open(path, method=route.method, headers=headers)
        assert (answer.status_code, answer.mimetype) == (401, "application/problem+json")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    old = integration(pages, [route.scope], days=1)
    pages.now += 25 * HOUR
    assert old.ask(route.method, path).status_code == 401
    revoked = integration(pages, [route.scope])
    pages.database.write(
        lambda db: tokens.revoke(db, revoked.token.token_id, by="test", now=pages.now)
    )
    assert revoked.ask(route.method, path).status_code == 401


def test_an_integration_gets_nothing_that_may_be_lost(
    pages: Pages, asker: Integration, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While commits hang, pages are shown all the same."""
    monkeypatch.setattr(pages.database, "wait_for_disk", lambda within_s: False)
    answer = asker.ask("GET", "/api/v1/halls")
    assert (answer.status_code, answer.mimetype) == (503, "application/problem+json")
    assert "commits hang" in answer.json["detail"]
    assert pages.staff("admin").get("/admin/").status_code == 200
    monkeypatch.undo()
    assert asker.ask("GET", "/api/v1/halls").status_code == 200


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_each_route_needs_its_own_scope(pages: Pages, route) -> None:
    others = integration(pages, set(tokens.SCOPES) - {route.scope})
    answer = others.ask(route.method, path_of(pages, route.path))
    assert answer.status_code == 403
    assert route.scope in answer.json["detail"]
    mine = integration(pages, [route.scope])
    assert mine.ask(route.method, path_of(pages, route.path), json={}).status_code not in (401, 403)


def test_a_receipt(pages: Pages, asker: Integration) -> None:
    door = pages.kiosk("k1", "main")
    door.scan(pages.now, pages.serial("A1"))
    pages.send(door)
    (entry,) = asker.ask("GET", "/api/v1/entries").json["entries"]
    answer = asker.ask("GET", f"/api/v1/entries/{entry['number']}/receipt")
    assert answer.status_code == 200
    receipt = verify_receipt(answer.json["receipt"].encode(), answer.json["key"])
    assert receipt.number == answer.json["number"] == entry["number"]
    assert receipt.record.count('"type":"scan"') == 1
    for number in ("0", "99999", "-1", "x", "9" * 30, "1.0", "%D9%A1"):
        refused = asker.ask("GET", f"/api/v1/entries/{number}/receipt")
        assert (refused.status_code, refused.mimetype) == (404, "application/problem+json")
    for scope in ("read:entries", "read:people"):
        other = integration(pages, [scope])
        assert other.ask("GET", f"/api/v1/entries/{entry['number']}/receipt").status_code == 403


def test_a_session_of_staff_opens_nothing_here(pages: Pages) -> None:
    assert pages.staff("admin").get("/api/v1/people").status_code == 401


def test_halls(pages: Pages, asker: Integration) -> None:
    pages.connected_kiosk("k1", "main")
    answer = asker.ask("GET", "/api/v1/halls")
    assert answer.status_code == 200
    halls = {hall["code"]: hall for hall in answer.json["halls"]}
    assert halls["h1"] | {"at_most": 0} == {
        "code": "h1", "names": {"en": "Hall 1", "zh": "一号厅"}, "parent": "site",
        "inside": 0, "at_most": 0, "capacity": 100, "state": "open",
    }  # fmt: skip
    pages.database.write(lambda db: db.execute("UPDATE hall SET capacity = 0 WHERE code = 'h1'"))
    halls = {hall["code"]: hall for hall in asker.ask("GET", "/api/v1/halls").json["halls"]}
    assert halls["h1"]["state"] == "full"


def test_entries_are_paged_by_their_numbers(pages: Pages, asker: Integration) -> None:
    door = pages.kiosk("k1", "main")
    for external_id in ("A1", "A2", "A3"):
        door.scan(pages.now, pages.serial(external_id))
    pages.send(door)
    first = asker.ask("GET", "/api/v1/entries?limit=2").json
    assert (len(first["entries"]), first["more"]) == (2, True)
    rest = asker.ask("GET", f"/api/v1/entries?after={first['next']}").json
    assert (len(rest["entries"]), rest["more"]) == (1, False)
    record = rest["entries"][0]
    number = attendees.attendee(pages.database.reader, pages.serial("A3")).number
    assert (record["badge"], record["hall"], record["door"]) == (number, "site", "main")
    assert "Novak" not in str(first) + str(rest)
    none = asker.ask("GET", f"/api/v1/entries?after={rest['next']}").json
    assert none == {"entries": [], "next": rest["next"], "more": False}
    assert asker.ask("GET", "/api/v1/entries?hall=h1").json["entries"] == []
    assert asker.ask("GET", "/api/v1/entries?hall=nowhere").status_code == 404


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=501", "after=x", "nothing=1", "after=1&after=2", "limit="]
)
def test_a_query_that_means_nothing_is_refused(asker: Integration, query: str) -> None:
    answer = asker.ask("GET", f"/api/v1/entries?{query}")
    assert (answer.status_code, answer.mimetype) == (400, "application/problem+json")


def test_programme(asker: Integration) -> None:
    programme = asker.ask("GET", "/api/v1/programme").json
    assert [session["code"] for session in programme["sessions"]] == ["opening", "press"]
    assert programme["sessions"][1]["opens_at"] == "2026-05-04T04:50:00Z"
    assert programme["sessions"][1]["categories"] == ["press"]
    assert asker.ask("GET", "/api/v1/programme?hall=green").json == {"sessions": [], "total": 0}


def test_a_venue_file_that_names_an_id_applies_once_somebody_has_it(
    pages: Pages, asker: Integration
) -> None:
    pages.database.write(lambda db: await_guests(db, "opening", ["X9", "X8"], invited=False))
    given = {"given_name": "Ida", "category": "press", "external_id": "X9"}
    assert asker.ask("POST", "/api/v1/people", json=given).status_code == 201
    asker.ask("PATCH", path_of(pages, "/people/<badge>"), json={"external_id": "X8"})
    refused = pages.database.reader.execute(
        "SELECT external_id FROM session_guest JOIN attendee USING (serial) WHERE invited = 0"
        " ORDER BY 1"
    )
    assert [row[0] for row in refused] == ["X8", "X9"]


def test_register_change_replace_and_revoke_a_person(pages: Pages, asker: Integration) -> None:
    given = {"given_name": "Ida", "family_name": "Berg", "category": "press", "days": [1, 3],
             "email": "ida@example.org", "external_id": "X9"}  # fmt: skip
    answer = asker.ask("POST", "/api/v1/people", json=given)
    assert answer.status_code == 201, answer.json
    person = answer.json
    assert given.items() <= person.items()
    assert person["issue"] == 1
    path = f"/api/v1/people/{person['badge']}"
    assert asker.ask("GET", path).json == person
    people = asker.ask("GET", "/api/v1/people?q=berg").json
    assert people == {"people": [person], "total": 1}
    assert asker.ask("GET", "/api/v1/people?external_id=X9").json["total"] == 1
    changed = asker.ask("PATCH", path, json={"organisation": "Harbour Pilots"}).json
    assert changed["badge_is_wrong"]
    assert changed["person"] == person | {"organisation": "Harbour Pilots"}
    new = asker.ask("POST", f"{path}/reissue", json={"reason": "changed", "issue": 1})
    assert new.json["issue"] == 2
    again = asker.ask("POST", f"{path}/reissue", json={"reason": "changed", "issue": 1})
    assert again.status_code == 409
    gone = asker.ask("POST", f"{path}/revoke", json={"reason": "conduct"})
    assert gone.json["revoked_at"] == "2026-05-04T02:00:00Z"
    assert asker.ask("POST", f"{path}/revoke", json={"reason": "conduct"}).status_code == 409
    assert acts(pages)[-8:] == [
        "attendee_added", "badge_reissued", "people_searched", "people_searched",
        "people_searched", "attendee_changed", "badge_reissued", "badge_revoked",
    ]  # fmt: skip
    authors = pages.database.reader.execute(
        "SELECT DISTINCT json_extract(CAST(body AS TEXT), '$.by') FROM leaf WHERE kind = 'act'"
        " AND json_extract(CAST(body AS TEXT), '$.act') = 'badge_revoked'"
    ).fetchall()
    assert [row[0] for row in authors] == [asker.token.by]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/people", {"given_name": "Mei", "category": "delegate"}),
        ("PATCH", "/people/<badge>", {}),
        ("POST", "/people/<badge>/reissue", {"reason": "lost", "issue": 1}),
        ("POST", "/people/<badge>/revoke", {"reason": "conduct"}),
    ],
)
def test_who_may_only_write_reads_no_personal_data(
    pages: Pages, method: str, path: str, body: dict
) -> None:
    writer = integration(pages, ["write:people"])
    answer = writer.ask(method, path_of(pages, path), json=body)
    assert answer.status_code in (200, 201)
    person = answer.json.get("person", answer.json)
    assert person.keys() == {"badge", "category", "days", "issue", "registered_at", "revoked_at"}


@pytest.mark.parametrize(
    ("given", "status", "words"),
    [
        ({"given_name": "Ida"}, 422, "category"),
        ({"given_name": "Ida", "category": "king"}, 422, "delegate"),
        ({"category": "press"}, 422, "a name"),
        ({"given_name": "Ida", "category": "press", "days": [9]}, 422, "days 1 to 3"),
        ({"given_name": "Ida", "category": "press", "email": "anna@example.org"}, 422, "e-mail"),
        ({"given_name": "Ida", "category": "press", "shoe": 42}, 422, "not known"),
        ({"given_name": "I\ada", "category": "press"}, 422, "Given name"),
        ([], 422, "object"),
    ],
)
def test_what_can_not_be_registered_changes_nothing(
    pages: Pages, asker: Integration, given: object, status: int, words: str
) -> None:
    before = pages.value("SELECT COUNT(*) FROM attendee")
    answer = asker.ask("POST", "/api/v1/people", json=given)
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert words in answer.json["detail"]
    pages.database.give_back()
    after = pages.value("SELECT COUNT(*) FROM attendee")
    assert after == before


def test_bodies_that_are_no_json(asker: Integration) -> None:
    for body, kind, status in (
        (b"{", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"{}", "text/plain", 415),
        (b" " * 70_000, "application/json", 413),
    ):
        answer = asker.ask("POST", "/api/v1/people", data=body, headers={"Content-Type": kind})
        assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")


def test_other_addresses_and_methods_are_problems(asker: Integration) -> None:
    for method, path, status in (
        ("GET", "/api/v1/nothing", 404),
        ("DELETE", "/api/v1/halls", 405),
        ("GET", "/api/v1/people/00000000", 404),
        ("GET", "/api/v1/people/ZZZZZ", 404),
    ):
        answer = asker.ask(method, path)
        assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")


def test_who_asks_too_often_is_told_to_wait(pages: Pages, asker: Integration) -> None:
    # A clock that does not advance: on a busy machine requests would return while others run.
    services_of(pages.app).keep(rates.Rates(clock=lambda: 0))
    for _ in range(rates.AT_ONCE):
        assert asker.ask("GET", "/api/v1/halls").status_code == 200
    answer = asker.ask("GET", "/api/v1/halls")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
    assert integration(pages).ask("GET", "/api/v1/halls").status_code == 200


def test_the_use_of_a_token_is_kept_now_and_then(pages: Pages, asker: Integration) -> None:
    asker.ask("GET", "/api/v1/halls")
    first = pages.now
    pages.now += 60_000
    asker.ask("GET", "/api/v1/halls")
    pages.database.give_back()
    assert tokens.tokens(pages.database.reader)[0].used_at == first
    pages.now += HOUR
    asker.ask("GET", "/api/v1/halls")
    pages.database.give_back()
    assert tokens.tokens(pages.database.reader)[0].used_at == pages.now


def test_a_token_is_nowhere_in_the_database(pages: Pages, asker: Integration) -> None:
    pages.database.give_back()
    pages.database.reader.execute("SELECT 1").fetchone()
    for path in pages.event.path.glob("*.db*"):
        assert asker.secret.encode() not in path.read_bytes()


def test_the_description_is_json_and_names_every_route(pages: Pages) -> None:
    answer = pages.stranger().get("/openapi.json")
    description = msgspec.json.decode(answer.data)
    assert description["openapi"] == "3.1.0"
    names = {op["operationId"] for path in description["paths"].values() for op in path.values()}
    assert names == {route.name for route in ROUTES}
    served = {
        (rule.endpoint.partition(".")[2])
        for rule in pages.app.url_map.iter_rules()
        if rule.endpoint.startswith("interface.")
    }
    assert served == names
